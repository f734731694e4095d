"""`dpa2 compress IN OUT`: tables in place of nets, and what they cost in digits and give in time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from .app import AsJson, Head, app, out, tell

FEWEST = 24  # atoms of a made-up structure
CALLS = 4  # of which the fastest counts


@app.command()
def compress(
    source: Annotated[str, typer.Argument(help="The model file to read.")],
    target: Annotated[str, typer.Argument(help="The file to write: .dp, .yaml, .json or .safetensors.")],
    step: Annotated[float, typer.Option(help="Of the fine part of the table.")] = 0.01,
    extrapolate: Annotated[float, typer.Option(help="How many times as far the table goes on, coarsely.")] = 5.0,
    min_distance: Annotated[float | None, typer.Option(help="How close atoms come, Å.")] = None,
    data: Annotated[str | None, typer.Option(help="Find that in the structures of a folder or file.")] = None,
    head: Head = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file to write if it exists.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tabulate the nets of repinit; report size, errors over a structure, and speed."""
    from ..api import load, save
    from ..model.compression import compress as tabulate
    from ..structures.files import read_structures

    model = load(source, head=head)
    systems = [frame.system for frame in read_structures([data], model.type_map)] if data else []
    closest = chosen_distance(model, min_distance, systems)
    tables = tabulate(model, closest, step, extrapolate)
    save(tables, target, overwrite=force)
    facts = {"source": source, "target": target, "min_distance": closest, "intervals": intervals(tables)}
    facts |= {"bytes": [size(Path(file)) for file in (source, target)]}
    facts |= measured(model, tables, systems[0] if systems else made_up(model, closest))
    facts["digest"] = tables.checkpoint().digest()
    tell(facts) if as_json else show(facts)


def chosen_distance(model, given: float | None, systems) -> float:
    """What was said, or is found in data, or is noted in the model."""
    from ..errors import InputError
    from ..model.compression import closest_distance

    if given is not None or systems:
        return closest_distance(model, systems) if given is None else given
    if "min_distance" in model.metadata:
        return model.metadata["min_distance"]
    raise InputError("the model does not say how close atoms came in training: --min-distance or --data is needed")


def size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    return sum(file.stat().st_size for file in [path, *path.rglob("*")] if file.is_file())


def intervals(model) -> int:
    return model.config.repinit.compression.intervals


def made_up(model, closest: float):
    """A cluster of the model's types, none of its atoms closer than they may be."""
    from ..testing.structures import scattered_atoms, with_zero_parameters

    system = scattered_atoms(FEWEST, len(model.type_map), 1.1 * closest)
    return with_zero_parameters(system, model.config.fitting)


def measured(model, tables, system) -> dict:
    """Largest errors over a structure, relative to the largest number, and how much faster it is."""
    results, seconds = [], []
    for one in (model, tables):
        seconds.append(min(timed(one, system) for _ in range(CALLS)))
        found = one.evaluate_many([system], neighbors="truncate")[0]
        seen = one.descriptor.evaluate(system.coordinates, system.types, system.cell, neighbors="truncate")
        results.append((seen.descriptor, found.forces, found.energy))
    exact, near = results
    errors = [float(np.abs(a - b).max() / (np.abs(a).max() or 1.0)) for a, b in zip(exact, near, strict=True)]
    return {
        "atoms": len(system.types),
        "errors": dict(zip(("descriptor", "forces", "energy"), errors, strict=True)),
        "seconds": seconds,
    }


def timed(model, system) -> float:
    """Seconds of an evaluation."""
    start = time.perf_counter()
    model.evaluate_many([system], neighbors="truncate")
    return time.perf_counter() - start


def show(facts: dict) -> None:
    """A row for each fact."""
    table = Table(show_header=False, box=None)
    table.add_row("shortest distance", f"{facts['min_distance']:.4f} Å")
    what = f"{facts['intervals']} intervals" if facts["intervals"] else "of the types alone"
    table.add_row("table", what)
    table.add_row("size", " → ".join(f"{size / 1e6:.2f} MB" for size in facts["bytes"]))
    for name, error in facts["errors"].items():
        table.add_row(f"error of {name}", f"{error:.1e} of the largest, {facts['atoms']} atoms")
    exact, near = facts["seconds"]
    table.add_row("time", f"{exact:.3g} s → {near:.3g} s")
    out.print(table)
    out.print(f" {facts['digest']}", highlight=False, soft_wrap=True)
