"""`dpa2 eval FILE STRUCTURE...`: energies, forces and virials of structures on disk."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.progress import Progress
from rich.table import Table

from ..backends import CHOICES
from ..structures.files import read_structures
from .app import AsJson, Head, app, err, out, tell


@app.command(name="eval")
def evaluate(
    file: Annotated[str, typer.Argument(help="The model file.")],
    structures: Annotated[list[str], typer.Argument(help="DeePMD data folders, or files that ASE reads.")],
    backend: Annotated[str, typer.Option(help=f"{CHOICES}.")] = "numpy",
    device: Annotated[str | None, typer.Option(help="As the library names it, e.g. cuda:0.")] = None,
    dtype: Annotated[str | None, typer.Option(help="float64, float32, ...; the file's if not given.")] = None,
    truncate: Annotated[bool, typer.Option(help="Keep the nearest neighbours where there are too many.")] = False,
    save: Annotated[str | None, typer.Option("--out", help="Write all results to this .npz or .json.")] = None,
    head: Head = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate structures; compare with reference energies and forces where the data have them."""
    from ..api import load
    from . import results

    results.check_name(save)
    model = load(file, backend=backend, device=device, dtype=dtype, head=head)
    frames = read_structures(structures, model.type_map)
    rows = []
    with Progress(console=err, transient=True, disable=as_json) as progress:
        for frame in progress.track(frames, description="evaluating"):
            found = model.evaluate_many([frame.system], neighbors="truncate" if truncate else "strict")[0]
            rows.append(results.row(frame, found, model.backend.to_numpy))
    if save is not None:
        results.write(rows, save)
    summary = results.summary(rows)
    if as_json:
        tell({"frames": [results.plain(row) for row in rows], "summary": summary})
    else:
        show(rows, summary)


def show(rows, summary: dict) -> None:
    """A line for each frame, then the errors against the references."""
    table = Table("structure", "atoms", "energy / eV", "largest force / eV/Å", "pressure / eV/Å³")
    for row in rows:
        pressure = "" if row["pressure"] is None else f"{row['pressure']:.6g}"
        force = f"{row['largest_force']:.6g}"
        table.add_row(row["name"], str(len(row["forces"])), f"{row['energy']:.10g}", force, pressure)
    out.print(table)
    for name, value in summary.items():
        out.print(f"{name.replace('_', ' ')}: {value:.6g}", highlight=False)
