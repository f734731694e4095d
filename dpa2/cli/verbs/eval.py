"""`dpa2 eval FILE STRUCTURE...`: energies, forces and virials of structures on disk."""

from __future__ import annotations

from typing import Annotated

import typer

from ..app import AsJson, Backend, Group, Head, Structures, Truncate, Types, renaming, verb
from ..output import Table, err, out, tell, tell_line, tell_written


@verb(
    Group.USE, 2,
    "dpa2 eval water.dp structures.xyz",
    "dpa2 eval water.dp data/ more/ --out results.npz",
    "dpa2 eval water.dp data/ --backend torch --device cuda:0 --dtype float32",
    "dpa2 eval water.dp data/ --types OW=O,HW=H --fparam 0.1,0.2",
)  # fmt: skip
def evaluate(
    file: Annotated[str, typer.Argument(help="The model file.")],
    structures: Structures,
    backend: Backend = "numpy",
    device: Annotated[str | None, typer.Option(help="Device as the library names it, for example cuda:0.")] = None,
    dtype: Annotated[
        str | None, typer.Option(help="float64, float32, bfloat16 or float16.", show_default="that of the file")
    ] = None,
    truncate: Truncate = False,
    types: Types = None,
    fparam: Annotated[
        str | None, typer.Option(help="Frame parameters of all structures, as 0.1,0.2, or a file .npy with them.")
    ] = None,
    aparam: Annotated[
        str | None,
        typer.Option(help="Parameters of every atom, as 0.1,0.2, or a file .npy (atoms, parameters)."),
    ] = None,
    save: Annotated[
        str | None,
        typer.Option("--out", help="Write energies, forces, virials and atomic energies to this .npz or .json."),
    ] = None,
    head: Head = None,
    as_json: AsJson = False,
) -> None:
    """Compute energy, forces and virial of structures; print errors where the data have energies and forces."""
    from rich.progress import Progress

    from ...api import load
    from ...structures.files import read_structures
    from ...structures.parameters import given_parameters, with_given
    from .. import results

    results.check_name(save)
    model = load(file, backend=backend, device=device, dtype=dtype, head=head)
    given = given_parameters(model.config.fitting, fparam, aparam)
    frames = read_structures(structures, model.type_map, renaming(types, model.type_map))
    rows = []
    with Progress(console=err, transient=True, disable=as_json) as progress:
        for frame in progress.track(frames, description="evaluating"):
            system = with_given(frame.system, *given)
            found = model.evaluate_many([system], neighbors="truncate" if truncate else "strict")[0]
            rows.append(results.row(frame, found, model.backend.to_numpy))
    if save is not None:
        results.write(rows, save)
    summary = results.summary(rows)
    if as_json:
        tell({"frames": [results.plain(row) for row in rows], "summary": summary})
    else:
        show(rows, summary)
        tell_written(save)


def show(rows, summary: dict) -> None:
    """Print a table with a row for each frame, then the errors against the labels."""
    table = Table("structure", "atoms", "energy / eV", "largest force / eV/Å", "pressure / eV/Å³")
    for row in rows:
        pressure = "" if row["pressure"] is None else f"{row['pressure']:.6g}"
        force = f"{row['largest_force']:.6g}"
        table.add_row(row["name"], str(row["atoms"]), f"{row['energy']:.10g}", force, pressure)
    out.print(table)
    for name, value in summary.items():
        tell_line(f"{name.replace('_', ' ')}: {value:.6g}")
