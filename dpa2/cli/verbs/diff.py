"""`dpa2 diff A B`: distances between two models, tensor by tensor."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from ..app import AsJson, Group, ModelFile, Other, verb
from ..output import Table, tell, tell_line, tell_table, tell_written
from ..png import check_png, save_png


@verb(Group.COMPARE, 2, "dpa2 diff before.pt after.pt", "dpa2 diff before.pt after.pt --png diff.png --all")
def diff(
    first: ModelFile,
    second: Other,
    png: Annotated[str | None, typer.Option(help="Draw the relative distances into this PNG file.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="List equal tensors too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show for each tensor how far two models are apart, for example what a training changed.

    The exit code is 0 whether or not they differ; `dpa2 verify` tells equal from different.
    """
    from ...serialization import compare, read
    from ..picture import draw

    check_png(png)

    found = compare(read(first), read(second))
    if png is not None:
        save_png(draw(found, f"{first} → {second}"), png)
    if as_json:
        tensors = [asdict(t) | {"share": t.share} for t in found.tensors]
        tell({"equal": found.equal, "settings": [asdict(s) for s in found.settings], "tensors": tensors})
    else:
        show(found, found.tensors if everything else found.different)
        tell_written(png)


def show(found, tensors) -> None:
    """Print the settings that differ, the tensors that cannot be compared, and a table of those that can."""
    lines = [f"{s.path}: {s.first!r} → {s.second!r}" for s in found.settings]
    for line in [*lines, *(f"{t.name}: {t.reason}" for t in tensors if t.reason)]:
        tell_line(line)
    table = Table("tensor", "numbers", "changed", "largest |Δ|", "‖Δ‖ / ‖first‖")
    for t in tensors:
        if not t.reason:
            table.add_row(t.name, *row(t))
    if table.rows:
        tell_table(table)
    tell_line(f"{len(found.different)} of {len(found.tensors)} tensors differ")


def row(tensor) -> tuple[str, ...]:
    """Cells of the table after the name of the tensor."""
    return f"{tensor.size}", f"{tensor.share:.1%}", f"{tensor.largest:.3e}", f"{tensor.relative:.3e}"
