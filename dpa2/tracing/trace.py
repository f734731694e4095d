"""Every intermediate of an evaluation by its name in the trace table (specification section 19)."""

from __future__ import annotations

import numpy as np

from ..batching.plan import Shape
from ..descriptor.descriptor import rotation
from ..evaluation.evaluate import Prepared, evaluate_prepared
from ..model.model import Model
from ..neighbors import Neighbors, counts_within
from ..nn.arrays import Array
from ..nn.record import listening
from ..structures.system import System

SLOTS = {  # axes that may hold, last, the slot that stands for all empty ones; it is not part of the table
    **dict.fromkeys(("repinit/sw", "repinit/env_mat", "repinit/gg", "repinit/gg_s", "repinit/gg_t"), (1,)),
    **dict.fromkeys(("three_body/sw", "three_body/env_mat"), (1,)),
    **dict.fromkeys(("three_body/kappa", "three_body/gg"), (1, 2)),
}
ABSENT = ("three_body/gg_s", "three_body/gg_t")  # the table has these for the two-body chunk only


def trace(
    model: Model,
    coordinates: Array,
    types: Array,
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
    system = model.checked(System(coordinates, types, cell, fparam, aparam))
    found = model.neighbors(system, neighbors)
    ready = model.prepare([system], [found], shape=Shape(size=len(system.types), ordered=False))
    seen = neighbor_lists(model, found) | intermediates(model, ready)
    return seen | results(model, ready)


def intermediates(model: Model, ready: Prepared) -> dict:
    """What the forward pass computes, in order."""
    seen: dict[str, np.ndarray] = {}
    chunk = ready.chunks[0]
    widths = {"repinit": chunk.near.shape[1], "three_body": chunk.three_body_width}

    def listener(name, value):
        value = np.array(model.backend.to_numpy(value))
        for axis in SLOTS.get(name, ()):
            value = np.take(value, range(widths[name.partition("/")[0]]), axis=axis)
        seen.setdefault(name, value)

    backend = model.backend.uncompiled()
    with listening(listener):
        program = model.weights.fold()
        program.vjp(ready.chunks, ready.inputs, backend)
        states, _ = program.descriptor.vjp(ready.chunks, backend)
        rotation(program.descriptor.initial.pairs, chunk, states[0])
    return {name: seen[name] for name in in_order(seen) if name not in ABSENT}


def in_order(names) -> list[str]:
    """The names in the order of the table, which has the rotation matrix before the descriptor and the fitting net."""
    late = [name for name in names if name == "descriptor" or name.startswith("fitting/")]
    return [name for name in names if name not in late] + late


def results(model: Model, ready: Prepared) -> dict:
    """Energy, force and virial in the table's shapes."""
    out = evaluate_prepared(model.program, model.backend, ready, with_atom_virial=True)[0]
    host = model.backend.to_numpy
    return {
        "atom_energy": host(out.atom_energy)[:, None],
        "energy": host(out.energy).reshape(1),
        "force": host(out.forces),
        "virial": host(out.virial).reshape(9),
        "atom_virial": host(out.atom_virial).reshape(-1, 9),
    }


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
