"""Every intermediate of an evaluation by its name in the trace table (specification section 19)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..backends.own_settings import undisturbed
from ..batching.plan import ChunkShape
from ..config import ENERGY
from ..descriptor.descriptor import rotation
from ..evaluation.evaluate import evaluate
from ..evaluation.outputs import Outputs
from ..evaluation.prepared import Prepared
from ..model.model import Model
from ..model.preparation import check_system, in_chunks, list_neighbors
from ..model.truncation import warn_of_truncation
from ..neighbors import Neighbors, counts_within
from ..nn.arrays import Array
from ..nn.record import listening
from ..structures.given import structure_of
from ..structures.parameters import refuse_unasked
from ..structures.system import System
from .intermediates import position, row, slot_axes


@undisturbed
def trace(
    model: Model,
    coordinates: Array | System,
    types: Array | None = None,
    cell: Array | None = None,
    *,
    neighbors: str = "strict",
    fparam: Array | None = None,
    aparam: Array | None = None,
) -> dict[str, np.ndarray]:
    """Names of the trace table → NumPy arrays, for one structure; arguments and errors as for `Model.evaluate`.

    Slot axes are as wide as the widest atom needs; what stands in empty slots of single chunks is not to be compared
    (the table's conventions). Source: section 19 of the specification.

    >>> import dpa2
    >>> t = dpa2.trace(dpa2.load(dpa2.demo.MODEL), [[0, 0, 0], [0.96, 0, 0]], ["O", "H"])
    >>> t["repinit/env_mat"].shape
    (2, 1, 4)
    """
    refuse_unasked(model.config.fitting, fparam, aparam)
    system = check_system(model.config, structure_of(coordinates, types, cell, fparam, aparam))
    found = list_neighbors(model.config, system, neighbors)
    warn_of_truncation(model.config, [system], [found])
    return traced(model, system, found)


def traced(model: Model, system: System, found: Neighbors) -> dict[str, np.ndarray]:
    """Return every intermediate of a checked system with its neighbour list."""
    ready = in_one_chunk(model, system, found)
    seen = neighbor_lists(model, found) | intermediates(model, ready)
    return seen | results(model, ready)


def in_one_chunk(model: Model, system: System, found: Neighbors) -> Prepared:
    """Return a checked system as one chunk, its atoms in their order."""
    shape = ChunkShape(size=len(system.types), ordered=False)
    return in_chunks(model.config, model.backend, [system], [found], shape=shape)


def intermediates(model: Model, ready: Prepared) -> dict:
    """Return what the forward pass computes, in order; names that are not in the table are left out."""
    seen: dict[str, np.ndarray] = {}
    chunk = ready.chunks[0]
    widths = {"ri": chunk.near.shape[1], "tb": chunk.three_body_width, "rf": chunk.repformer_width}

    def listener(name, value):
        value = np.array(model.backend.to_numpy(value))
        for axis, word in enumerate(slot_axes(name), start=1):  # without the last slot, which stands for empty ones
            value = np.take(value, range(widths[word]), axis=axis)
        seen.setdefault(name, value)

    backend = model.backend.uncompiled()
    with listening(listener):
        program = model.weights.fold()
        program.vjp(ready.chunks, ready.inputs, backend)
        states, _ = program.descriptor.vjp(ready.chunks, backend)
        rotation(program.descriptor.initial.pairs, chunk, states[0])
    return {name: seen[name] for name in sorted(seen, key=position) if row(name).axes}


def results(model: Model, ready: Prepared) -> dict:
    """Values of the system and of its atoms, and their derivatives, in the table's shapes."""
    host = model.backend.to_numpy
    options = {"atom_virial": True} if model.kind == ENERGY else {"gradient": True}
    out: Any = evaluate(model.config, model.program, model.backend, ready, **options)[0]
    if model.kind != ENERGY:
        return values(out, host) | {"gradient": by_atoms(host(out.gradient))}
    return {
        "atom_energy": host(out.atom_energy)[:, None],
        "energy": host(out.energy).reshape(1),
        "force": host(out.forces),
        "virial": host(out.virial).reshape(9),
        "atom_virial": host(out.atom_virial).reshape(-1, 9),
    }


def values(out: Outputs, host: Callable[[Array], np.ndarray]) -> dict:
    """Values of atoms and of the system, of a model that predicts something else than energies."""
    (whole, value), (of_atoms, rows) = ((name, host(array)) for name, array in out.named().items())
    return {of_atoms: rows.reshape(len(rows), -1), whole: value.reshape(-1)}


def by_atoms(gradient: np.ndarray) -> np.ndarray:
    """Return derivatives (..., N, 3) as (N, 3, component)."""
    *_, atoms, axes = gradient.shape
    return np.moveaxis(gradient.reshape(-1, atoms, axes), 0, -1)


def neighbor_lists(model: Model, found: Neighbors) -> dict:
    """The three neighbour lists: extended index, local index and vector."""
    names = {"ri": model.cutoffs.repinit, "tb": model.cutoffs.three_body, "rf": model.cutoffs.repformer}
    lists = {}
    for name, limits in names.items():
        if limits is None:
            continue
        counts = counts_within(found, *limits)
        width = max(1, int(counts.max(initial=0)))
        used = np.arange(width) < counts[:, None]
        index, extended, vector = (widened(x, width) for x in (found.index, found.extended, found.vector))
        lists[f"nlist/{name}"] = np.where(used, extended, -1)
        lists[f"nlist/{name}_local"] = np.where(used, index, -1)
        lists[f"nlist/{name}_vector"] = np.where(used[..., None], vector, 0.0)
    return lists | {"repinit/diff": lists["nlist/ri_vector"]}


def widened(x: np.ndarray, width: int) -> np.ndarray:
    """The first `width` columns, with zeros where there are fewer."""
    missing = max(0, width - x.shape[1])
    return np.pad(x[:, :width], [(0, 0), (0, missing)] + [(0, 0)] * (x.ndim - 2))
