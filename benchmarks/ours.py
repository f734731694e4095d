"""Evaluation of a cell with dpa2."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from . import loops
from .task import CLOSEST, Task


def make(task: Task):
    """Return a function without arguments that evaluates the task once and returns NumPy arrays by name."""
    import dpa2
    from dpa2.evaluation.forces import evaluate_prepared
    from dpa2.model.preparation import in_chunks, with_neighbors

    data = np.load(task.structure)
    model = dpa2.load(Path(task.model).with_suffix(".safetensors"), backend=task.implementation, device=task.device)
    model = model.to(task.implementation, device=task.device, chunk=task.block) if task.block else model
    model = model.accelerate() if task.accelerated else model
    model = dpa2.compress(model, CLOSEST) if task.compressed else model
    system = dpa2.System(data["coordinates"], data["types"], data["cell"])
    if task.quantity == "potential":
        return potential(model, system)
    if task.quantity == "dynamics":
        return loops.in_torch_sim(task, model, system) if task.inside else loops.in_jax(task, model, system)
    model = model.worker
    host = model.backend.to_numpy
    if task.quantity == "neighbors":
        return lambda: {"count": np.array(len(model.prepare_systems([system], neighbors="truncate").chunks))}
    if task.quantity == "full":
        return lambda: results(
            model.evaluate_many([system] * task.copies, neighbors="truncate", memory=task.limit)[0], host
        )
    systems, lists = with_neighbors(model.config, [system], "truncate")
    ready, program = in_chunks(model.config, model.backend, systems, lists), model.program_for(lists)
    if task.quantity == "descriptor":
        return lambda: {"descriptor": descriptor(program.descriptor, ready, model.backend)}
    return lambda: results(evaluate_prepared(program, model.backend, ready, False)[0], host)


def potential(model, system):
    """Return the function that evaluates a potential at positions that are on the device."""
    kept, here = model.potential(system), model.backend.asarray(system.coordinates)
    return lambda: {name: model.backend.to_numpy(x) for name, x in kept(here)._asdict().items()}


def results(out, host) -> dict:
    """Energy, forces and virial as NumPy arrays."""
    return {"energy": host(out.energy), "forces": host(out.forces), "virial": host(out.virial)}


def descriptor(program, ready, backend) -> np.ndarray:
    """Descriptor of all atoms as a NumPy array."""
    states, _ = program.vjp(ready.chunks, backend)
    rows = [backend.to_numpy(program.output(b, s)) for b, s in zip(ready.chunks, states, strict=True)]
    return np.concatenate(rows)[backend.to_numpy(ready.row_map.inverse)]
