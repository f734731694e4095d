"""`dpa2 demo`: load, evaluate, convert and compare a model that comes with the package."""

from __future__ import annotations

import dataclasses

import typer

from ...exit_codes import DIFFERENT
from ..app import AsJson, Backend, Group, verb
from ..output import Table, styled, tell, tell_line, tell_table


@verb(Group.USE, 5, "dpa2 demo", "dpa2 demo --backend torch")
def demo(backend: Backend = "numpy", as_json: AsJson = False) -> None:
    """Show that everything works: evaluate and convert a small model, and compare with results of DeePMD-kit.

    The exit code is 6 if a result differs.
    """
    from ...demo import run

    steps = list(run(backend))
    if as_json:
        tell({"passed": all(s.passed for s in steps), "steps": [dataclasses.asdict(s) for s in steps]})
    else:
        show(steps)
    raise typer.Exit(0 if all(s.passed for s in steps) else DIFFERENT)


def show(steps) -> None:
    """Print a table with a row for each step."""
    from ...demo import WATER

    table = Table("step", "result", "deviation from DeePMD-kit", "", title="dpa2 demo")
    for step in steps:
        deviation = "" if step.deviation is None else f"{step.deviation:.1e}"
        table.add_row(step.what, step.result, deviation, styled("ok", "green") if step.passed else styled("no", "red"))
    tell_table(table)
    tell_line(f"the model: {WATER}")
    tell_line("try: dpa2 info MODEL, or in Python: dpa2.load(dpa2.demo.WATER).evaluate(...)")
