"""`dpa2 lammps -in in.water`: a LAMMPS input script with `pair_style dpa2`, on any number of MPI ranks."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ...backends import CHOICES
from ..app import AsJson, Device, Group, Head, Precision, verb
from ..output import Table, tell, tell_line, tell_table, tell_warning


@verb(
    Group.USE, 6,
    "dpa2 lammps -in in.water",
    "dpa2 lammps -in in.water -- -var T 300 -log water.log",
    "dpa2 lammps --check -in in.water",
)  # fmt: skip
def lammps(
    script: Annotated[
        str | None, typer.Option("-in", "--in", help="The input script.", metavar="FILE", show_default=False)
    ] = None,
    arguments: Annotated[
        list[str] | None, typer.Argument(help="Arguments of LAMMPS, after --: -var, -log, -screen, -echo, ...")
    ] = None,
    backend: Annotated[
        str | None, typer.Option(help=f"Library where pair_style names none: {CHOICES}.", show_default="numpy")
    ] = None,
    device: Device = None,
    dtype: Precision = None,
    head: Head = None,
    check: Annotated[
        bool, typer.Option("--check", help="Read script, data and models, and say what would run; nothing is written.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run molecular dynamics in LAMMPS with a DPA-2 model, alone or under mpiexec -n 4.

    The script is an ordinary one, in which `pair_style dpa2 water.dp` and `pair_coeff * * O H` choose the model; lines
    `pair_style deepmd` are understood, too. docs/lammps.md has a complete one. At the end the performance is printed;
    with --json as one JSON object, and LAMMPS prints nothing on the screen.
    """
    from ...errors import InputError
    from ...interfaces.lammps.launch import communicator
    from ..ranks import on_ranks

    if script is None:
        raise InputError("-in: names the input script, as in dpa2 lammps -in in.water", argument="script")
    defaults = {"backend": backend, "device": device, "dtype": dtype, "head": head}
    comm = communicator()
    raise typer.Exit(on_ranks(comm, lambda: run(comm, script, arguments or [], defaults, check, as_json)))


def run(comm: Any, script: str, arguments: list[str], defaults: dict[str, Any], check: bool, as_json: bool) -> int:
    """Run a script on all ranks, let the first one tell what became of it, and return the exit code."""
    from ...interfaces.lammps.launch import start
    from ...interfaces.lammps.runner import Runner
    from ..ranks import told_or_shown

    first = comm.rank == 0
    without_log = ["-log", "none"] if check else []
    lmp = start([*arguments, *without_log], comm, quiet=as_json or check)
    try:
        warn = tell_warning if first else lambda text: None
        ran = Runner(lmp, comm, defaults, check, warn, told_or_shown).run(script)
        facts = report(ran, comm)
    finally:
        lmp.close()
    if first:
        tell(facts) if as_json else show(facts, check)
    return ran.status


def report(ran: Any, comm: Any) -> dict[str, Any]:
    """Return the facts about a script that was run, with means over ranks in place of the seconds of each part."""
    parts = ran.performance.parts
    for name in parts:
        parts[name] = comm.allreduce(parts[name]) / comm.size
    checked = {"would_run": ran.skipped, "unchecked": ran.unchecked}
    return {"model": ran.model, "performance": ran.performance.facts(), **checked, "status": ran.status}


def show(facts: dict[str, Any], check: bool) -> None:
    """Print the model, and what was run or would be."""
    model, performance = facts["model"], facts["performance"]
    if model is None:
        tell_line("no model of dpa2 was used: the script has no pair_style dpa2")
    else:
        tell_line(f"model {', '.join(model['files'])} on {model['backend']}, {model['device']}, {model['dtype']}")
    if check:
        for line in facts["would_run"]:
            tell_line(f"would run {line}")
        if facts["unchecked"]:
            tell_line(f"not checked from here on: {facts['unchecked']}")
    elif performance["seconds"]:
        show_performance(performance)


def show_performance(found: dict[str, Any]) -> None:
    """Print a table of the performance."""
    table = Table("performance", "", lines=False)
    table.add_row("ranks × threads", f"{found['ranks']} × {found['threads']}")
    table.add_row("atoms, steps", f"{found['atoms']}, {found['steps']}")
    for name in ("ns_per_day", "steps_per_second", "atom_steps_per_second"):
        if found[name] is not None:
            table.add_row(name.replace("_per_", "/").replace("atom_steps", "atoms × steps"), f"{found[name]:.4g}")
    for name, share in found["shares"].items():
        table.add_row(name, f"{share or 0:.1%}")
    tell_table(table)
