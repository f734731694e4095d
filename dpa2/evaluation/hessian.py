"""Second derivatives of the energy: derivatives of the forces along each coordinate."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..fitting.atomic_model import AtomicProgram
from ..nn.arrays import Array, Float, array_namespace
from .forces import evaluate_prepared
from .library import Library
from .prepared import Prepared


def hessian(program: AtomicProgram, backend: Library, ready: Prepared) -> Float[Array, "atom 3 atom 3"]:
    """∂²E/∂r∂r of one prepared system, eV/Å², at fixed neighbours; 3 N derivatives of the forces.

    PyTorch, JAX and Paddle differentiate exactly; NumPy takes central differences of fourth order, good to about 1e-9.
    """
    atoms = len(ready.systems[0].types)
    vectors = [chunk.vectors for chunk in ready.chunks]
    dtype = str(vectors[0].dtype).rpartition(".")[2]

    def forces(moved: list[Array]) -> Array:
        chunks = tuple(dataclasses.replace(chunk, vectors=v) for chunk, v in zip(ready.chunks, moved, strict=True))
        moved_ready = dataclasses.replace(ready, chunks=chunks)
        return evaluate_prepared(program, backend, moved_ready, False)[0].forces

    directions = [[backend.asarray(t, dtype) for t in moves(ready, atom, axis)] for atom, axis in np.ndindex(atoms, 3)]
    columns = backend.derivatives(forces, vectors, directions)
    xp = array_namespace(columns[0])
    return -xp.reshape(xp.stack(columns), (atoms, 3, atoms, 3))


def moves(ready: Prepared, atom: int, axis: int) -> list[np.ndarray]:
    """Derivatives of the vectors of every chunk (atom, neighbor, 3) with respect to one coordinate of one atom."""
    row, start, found = int(ready.plan.inverse[atom]), 0, []
    for chunk in ready.plan.chunks:
        own = (np.arange(start, start + len(chunk.types)) == row)[:, None]
        stored = np.arange(chunk.near.shape[1]) < chunk.repinit_count[:, None]
        tangent = np.zeros(chunk.vectors.shape)
        tangent[..., axis] = (chunk.near == row).astype(float) - own
        found.append(np.where(stored[..., None], tangent, 0.0))
        start += len(chunk.types)
    return found
