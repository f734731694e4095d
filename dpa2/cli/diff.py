"""`dpa2 diff A B`: what a training changed, tensor by tensor."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from .app import AsJson, app, out, tell
from .sides import First, Second, read_side


@app.command()
def diff(
    first: First,
    second: Second,
    png: Annotated[str | None, typer.Option(help="Draw the relative distances into this file.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="List the tensors that are the same, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show how far two models are apart: largest and relative distance, and how many numbers changed."""
    from ..serialization import compare
    from .picture import draw

    found = compare(read_side(first), read_side(second))
    if png is not None:
        draw(found, png, f"{first} → {second}")
    if as_json:
        tensors = [asdict(t) | {"share": t.share} for t in found.tensors]
        tell({"equal": found.equal, "settings": [asdict(s) for s in found.settings], "tensors": tensors})
    else:
        show(found, found.tensors if everything else found.different)


def show(found, tensors) -> None:
    """A line for each setting and for each tensor that cannot be compared, a row for each that can."""
    lines = [f"{s.path}: {s.first!r} → {s.second!r}" for s in found.settings]
    for line in [*lines, *(f"{t.name}: {t.reason}" for t in tensors if t.reason)]:
        out.print(line, markup=False, highlight=False, soft_wrap=True)
    table = Table("tensor", "numbers", "changed", "largest |Δ|", "‖Δ‖ / ‖first‖")
    for t in tensors:
        if not t.reason:
            table.add_row(t.name, *row(t))
    if table.rows:
        out.print(table)
    out.print(f"{len(found.different)} of {len(found.tensors)} tensors differ", highlight=False)


def row(tensor) -> tuple[str, ...]:
    """The numbers of a row."""
    return f"{tensor.size}", f"{tensor.share:.1%}", f"{tensor.largest:.3e}", f"{tensor.relative:.3e}"
