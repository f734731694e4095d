"""`dpa2 eval FILE STRUCTURE...`: what a model predicts of structures on disk, such as energies and forces."""

from __future__ import annotations

from typing import Annotated

import typer

from ..accuracy import errors_table, how_many
from ..app import (
    AsJson,
    AtomParameters,
    Backend,
    Device,
    FrameParameters,
    Group,
    Head,
    ModelFile,
    Precision,
    Structures,
    Truncate,
    Types,
    renaming,
    verb,
)
from ..output import Table, listed, progress, tell, tell_line, tell_table, tell_written


@verb(
    Group.USE, 2,
    "dpa2 eval water.dp structures.xyz",
    "dpa2 eval water.dp data/ more/ --frames --out results.extxyz",
    "dpa2 eval water.dp data/ --backend torch --device cuda:0 --dtype float32",
    "dpa2 eval water.dp data/ --types OW=O,HW=H --fparam 0.1,0.2",
)  # fmt: skip
def evaluate(
    file: ModelFile,
    structures: Structures,
    backend: Backend = "numpy",
    device: Device = None,
    dtype: Precision = None,
    truncate: Truncate = False,
    types: Types = None,
    fparam: FrameParameters = None,
    aparam: AtomParameters = None,
    save: Annotated[
        str | None,
        typer.Option(
            "--out",
            help="Write all results, also those of atoms, to this .npz, .json, .extxyz or .traj.",
        ),
    ] = None,
    each: Annotated[
        bool | None,
        typer.Option("--frames/--no-frames", help="List every frame.", show_default="where nothing has labels"),
    ] = None,
    head: Head = None,
    as_json: AsJson = False,
) -> None:
    """Compute energy, forces and virial of structures, and their errors where the data have labels.

    Models that predict something else give that instead; labels are `dipole.npy`, `polarizability.npy`, `dos.npy`, or a
    file called like the property.

    The summary has mean absolute and root mean square errors of energies, of all components of forces, and of virials.
    """
    from ...api import load
    from ...structures.files import read_structures
    from ...structures.parameters import given_parameters, with_given
    from ...structures.system import are_real, checked
    from ...surveys.accuracy.points import Collector
    from ...surveys.accuracy.quantities import labels_of, predictions_of, quantities_of, weights_of
    from ...surveys.accuracy.results import result
    from .. import results

    results.check_name(save)
    model = load(file, backend=backend, device=device, dtype=dtype, head=head)
    given = given_parameters(model.config.fitting, fparam, aparam)
    frames = read_structures(structures, model.type_map, renaming(types, model.type_map))
    quantities, to_numpy = quantities_of(model.config), model.backend.to_numpy
    rows: list[dict] = []
    systems: list = []
    compared = Collector(quantities)
    with progress(as_json) as bar:
        for frame in bar.track(frames, description="evaluating"):
            system = checked(with_given(frame.system, *given), model.type_map)
            found = model.evaluate_many([system], neighbors="truncate" if truncate else "strict")[0]
            real = are_real(system.types)
            labels, predicted = labels_of(quantities, frame, real), predictions_of(quantities, found, to_numpy, real)
            compared.add(frame, system.types, predicted, labels, weights_of(frame, real))
            errors = {key: predicted[key] - label for key, label in labels.items()}
            rows.append(results.row(model.config, frame, found, to_numpy, errors))
            systems.append(system)
    if save is not None:
        results.write(rows, systems, save)
    accuracy = result(compared, model.type_map)
    if as_json:
        told = [results.plain(row) for row in rows]
        tell({"frames": told, "summary": accuracy.summary(), "sources": frames.sources})
    else:
        tell_line(f"{how_many(accuracy.summary())} of {listed(frames.sources)}")
        show(model.config, rows, accuracy, each)
        tell_written(save)


def show(config, rows: list[dict], found, each: bool | None) -> None:
    """Print the errors, then the frames if they are asked for, or if nothing but them is there to see."""
    errors = errors_table(found)
    if errors.rows:
        tell_table(errors)
    if each or (each is None and not errors.rows):
        tell_table(frames_table(config, rows))


def frames_table(config, rows: list[dict]) -> Table:
    """A row for each frame, with a column for each number that some frame has."""
    from ...config import ENERGY
    from ..head_results import cells, columns
    from ..results import OF_FRAMES

    if config.kind != ENERGY:
        table = Table("structure", "atoms", *columns(config))
        for row in rows:
            table.add_row(row["name"], str(row["atoms"]), *cells(config, row))
        return table
    known = [of for of in OF_FRAMES.values() if any(of(row) is not None for row in rows)]
    table = Table("structure", "atoms", "energy / eV", *(name for name, of in OF_FRAMES.items() if of in known))
    for row in rows:
        numbers = ("" if number is None else f"{number:.6g}" for number in (of(row) for of in known))
        table.add_row(row["name"], str(row["atoms"]), f"{row['energy']:.10g}", *numbers)
    return table
