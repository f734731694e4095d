"""`dpa2 demo`: the main job on what comes with the package."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer
from rich.table import Table

from ..backends import CHOICES
from .app import AsJson, app, out, tell
from .exit_codes import DIFFERENT


@app.command()
def demo(
    backend: Annotated[str, typer.Option(help=f"{CHOICES}.")] = "numpy",
    as_json: AsJson = False,
) -> None:
    """Load a model, evaluate a water box, convert there and back, compare with DeePMD-kit's numbers."""
    from ..demo import run

    if backend == "jax":
        import os

        os.environ.setdefault("JAX_ENABLE_X64", "1")
    steps = list(run(backend))
    if as_json:
        tell({"passed": all(s.passed for s in steps), "steps": [dataclasses.asdict(s) for s in steps]})
    else:
        show(steps)
    raise typer.Exit(0 if all(s.passed for s in steps) else DIFFERENT)


def show(steps) -> None:
    """A row for each step."""
    table = Table("step", "result", "deviation from DeePMD-kit", "", title="dpa2 demo")
    for step in steps:
        deviation = "" if step.deviation is None else f"{step.deviation:.1e}"
        table.add_row(step.what, step.result, deviation, "[green]ok[/green]" if step.passed else "[red]no[/red]")
    out.print(table)
