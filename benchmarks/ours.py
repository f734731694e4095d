"""Evaluation of a cell with dpa2."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .task import CLOSEST, Task


def make(task: Task):
    """Return a function without arguments that evaluates the task once and returns NumPy arrays by name."""
    import dpa2
    from dpa2.evaluation.evaluate import evaluate_prepared

    data = np.load(task.structure)
    model = dpa2.load(Path(task.model).with_suffix(".safetensors"), backend=task.implementation, device=task.device)
    model = model.to(task.implementation, device=task.device, block=task.block) if task.block else model
    model = model.accelerate() if task.accelerated else model
    model = (dpa2.compress(model, CLOSEST) if task.compressed else model).worker
    system = dpa2.System(data["coordinates"], data["types"], data["cell"])
    host = model.backend.to_numpy
    if task.quantity == "neighbors":
        return lambda: {"count": np.array(len(model.prepare_systems([system], neighbors="truncate").chunks))}
    if task.quantity == "full":
        return lambda: results(
            model.evaluate_many([system] * task.copies, neighbors="truncate", memory=task.limit)[0], host
        )
    systems, lists = model.with_neighbors([system], "truncate")
    ready, program = model.prepare(systems, lists), model.program_for(lists)
    if task.quantity == "descriptor":
        return lambda: {"descriptor": descriptor(program.descriptor, ready, model.backend)}
    return lambda: results(evaluate_prepared(program, model.backend, ready, False)[0], host)


def results(out, host) -> dict:
    """Energy, forces and virial as NumPy arrays."""
    return {"energy": host(out.energy), "forces": host(out.forces), "virial": host(out.virial)}


def descriptor(program, ready, backend) -> np.ndarray:
    """Descriptor of all atoms as a NumPy array."""
    states, _ = program.vjp(ready.chunks, backend)
    rows = [backend.to_numpy(program.output(b, s)) for b, s in zip(ready.chunks, states, strict=True)]
    return np.concatenate(rows)[backend.to_numpy(ready.row_map.inverse)]
