"""`dpa2 compress IN OUT`: tables in place of the nets of repinit, with their errors and speed."""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import Annotated

import typer

from ...errors import InputError
from ..app import AsJson, Force, Group, Head, ModelFile, Types, renaming, verb
from ..output import Table, tell, tell_line, tell_table, tell_written

ATOMS = 24  # number of atoms of the random structure on which errors are measured without --data
CALLS = 4  # each model is timed this many times, and the shortest time is reported


@verb(
    Group.USE, 4,
    "dpa2 compress strip.pt small.dp --data data/",
    "dpa2 compress strip.dp small.dp --min-distance 0.9 --force",
)  # fmt: skip
def compress(
    source: ModelFile,
    target: Annotated[str, typer.Argument(help="The file to write: .dp, .yaml, .json or .safetensors.")],
    step: Annotated[
        float, typer.Option(help="Spacing of the fine part of the tables; the coarse part has ten times that.")
    ] = 0.01,
    extrapolate: Annotated[
        float, typer.Option(help="End of the coarse part, as a multiple of the end of the fine part.")
    ] = 5.0,
    min_distance: Annotated[
        float | None, typer.Option(help="Smallest distance between atoms, Å; the fine part covers it.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="DeePMD data folder or structure file in which to find --min-distance.")
    ] = None,
    types: Types = None,
    head: Head = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Replace the nets of repinit by tables, as `dp compress` does; report file size, errors and time.

    The model must have type_input "strip" (tebd_input_mode in DeePMD-kit).
    """
    from ...api import load, save
    from ...model.compression import compress as tabulate
    from ...serialization import file_and_head
    from ...structures.files import read_structures
    from ..description import size

    model = load(source, head=head)
    names = renaming(types, model.type_map)
    systems = [frame.system for frame in read_structures([data], model.type_map, names)] if data else []
    closest = chosen_distance(source, model, min_distance, systems)
    tables = tabulate(model, closest, step, extrapolate)
    save(tables, target, overwrite=force)
    facts = {"source": source, "target": target, "min_distance": closest, "intervals": intervals(tables)}
    facts |= {"bytes": [size(Path(file)) for file in (file_and_head(source)[0], target)]}
    facts |= measured(model, tables, systems[0] if systems else made_up(model, closest))
    facts["digest"] = tables.checkpoint().digest()
    tell(facts) if as_json else show(facts)


def chosen_distance(source: str, model, given: float | None, systems) -> float:
    """Smallest distance between atoms, Å: as given, or of the structures, or as recorded in the model file."""
    from ...model.compression import closest_distance

    if given is not None or systems:
        return closest_distance(model, systems) if given is None else given
    if "min_distance" in model.metadata:
        return model.metadata["min_distance"]
    missing = "does not record the smallest distance between atoms in the training data"
    raise InputError(f"{source}: {missing}; give --min-distance or --data", argument="min_distance")


def intervals(model) -> int:
    """Number of intervals of the table of the embedding net; 0 if only the gate of the types is a table."""
    return model.config.repinit.compression.intervals


def made_up(model, closest: float):
    """Return a random cluster in which no two atoms are closer than the smallest distance."""
    from ...testing.structures import scattered_atoms, with_zero_parameters

    system = scattered_atoms(ATOMS, len(model.type_map), 1.1 * closest)
    return with_zero_parameters(system, model.config.fitting)


def measured(model, tables, system) -> dict:
    """Largest error of each result, relative to its largest entry, and the time of an evaluation by each model."""
    import numpy as np

    from ...model.preparation import check_system
    from ...model.truncation import TruncationWarning

    real = check_system(model.config, system).types >= 0
    results, seconds = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncationWarning)  # both models lose the same neighbours
        for one in (model, tables):
            seconds.append(min(timed(one, system) for _ in range(CALLS)))
            found = one.evaluate_many([system], neighbors="truncate")[0]
            seen = one.descriptor.evaluate(system, neighbors="truncate")
            results.append({"descriptor": seen.descriptor[real]} | predicted(found, real))
    exact, near = results
    errors = {
        name: float(np.abs(a - near[name]).max(initial=0.0) / (np.abs(a).max(initial=0.0) or 1.0))
        for name, a in exact.items()
    }
    return {"atoms": int(real.sum()), "errors": errors, "seconds": seconds}


def predicted(found, real) -> dict:
    """Return energy and forces of real atoms, or the value of another head and those of real atoms."""
    if hasattr(found, "energy"):
        return {"forces": found.forces[real], "energy": found.energy}
    (whole, value), (of_atoms, rows) = found.named().items()
    return {of_atoms: rows[real], whole: value}


def timed(model, system) -> float:
    """Return the seconds that one evaluation takes."""
    start = time.perf_counter()
    model.evaluate_many([system], neighbors="truncate")
    return time.perf_counter() - start


def show(facts: dict) -> None:
    """Print a table with a row for each fact."""
    table = Table(lines=False)
    table.add_row("smallest distance", f"{facts['min_distance']:.4f} Å")
    what = f"{facts['intervals']} intervals" if facts["intervals"] else "of the types alone"
    table.add_row("table", what)
    table.add_row("size", " → ".join(f"{size / 1e6:.2f} MB" for size in facts["bytes"]))
    for name, error in facts["errors"].items():
        table.add_row(f"error of {name}", f"{error:.1e} of the largest, {facts['atoms']} atoms")
    exact, near = facts["seconds"]
    table.add_row("time", f"{exact:.3g} s → {near:.3g} s")
    tell_table(table)
    tell_line(facts["digest"])
    tell_written(facts["target"])
