"""Second derivatives of the energy: how forces change where atoms are displaced."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ..fitting.atomic_model import AtomicProgram
from ..nn.arrays import Array, Float, Int, array_namespace, take_rows
from ..structures.system import numbers, refuse, refuse_not_finite
from .forces import evaluate_prepared
from .library import Library
from .prepared import Prepared


def hessian(program: AtomicProgram, backend: Library, ready: Prepared) -> Float[Array, "atom 3 atom 3"]:
    """Return ∂²E/∂r∂r of one prepared system, eV/Å², at fixed neighbours: its products with all unit vectors."""
    atoms = len(ready.systems[0].types)
    columns = hessian_products(program, backend, ready, np.eye(3 * atoms).reshape(-1, atoms, 3))
    return array_namespace(columns).reshape(columns, (atoms, 3, atoms, 3))


def hessian_products(
    program: AtomicProgram, backend: Library, ready: Prepared, vectors: Float[np.ndarray, "vector atom 3"]
) -> Float[Array, "vector atom 3"]:
    """Return H v for vectors v, where H is ∂²E/∂r∂r of one prepared system at fixed neighbours, eV/Å².

    PyTorch, JAX and Paddle differentiate exactly, at the cost of one pullback for each vector; NumPy takes central
    differences of fourth order, good to about 1e-9.
    """
    order = backend.asarray(ready.plan.order)

    def forces(displacements: Array) -> Array:
        moved = displaced(backend, ready, take_rows(displacements, order))
        return evaluate_prepared(program, backend, moved, False)[0].forces

    wide = backend.wide()
    here = backend.asarray(np.zeros(vectors.shape[1:]), wide)
    found = backend.symmetric_derivatives(forces, here, [backend.asarray(v, wide) for v in vectors])
    return -array_namespace(here).stack(found)


def displaced(backend: Library, ready: Prepared, rows: Float[Array, "row 3"]) -> Prepared:
    """Return a prepared system whose atoms, row by row, are displaced, Å; each image of an atom goes with it."""
    own = backend.pieces(rows, [len(chunk.types) for chunk in ready.plan.chunks])
    given = [(chunk.vectors, chunk.near, chunk.repinit_count) for chunk in ready.chunks]
    moved = backend.run(displaced_vectors, (rows,), own, *map(list, zip(*given, strict=True)))
    pairs = zip(ready.chunks, moved, strict=True)
    return dataclasses.replace(ready, chunks=tuple(dataclasses.replace(chunk, vectors=v) for chunk, v in pairs))


def displaced_vectors(
    rows: Float[Array, "row 3"],
    own: Float[Array, "atom 3"],
    vectors: Float[Array, "atom neighbor 3"],
    near: Int[Array, "atom neighbor"],
    count: Int[Array, "atom"],
) -> Float[Array, "atom neighbor 3"]:
    """Return the vectors of a chunk to its neighbours, so many for each atom, where all rows are displaced, Å."""
    xp = array_namespace(vectors)
    slot = xp.cumulative_sum(xp.ones_like(near), axis=1)
    stored = xp.astype(slot <= count[:, None], vectors.dtype)
    return vectors + xp.astype(take_rows(rows, near) - own[:, None, :], vectors.dtype) * stored[..., None]


def checked_vectors(value: Any, atoms: int) -> tuple[Float[np.ndarray, "vector atom 3"], bool]:
    """Return several vectors of a system, and whether it is one vector that was given.

    Raises `InputError` for another shape than (N, 3) or (K, N, 3), and for numbers that are not finite.
    """
    if value is None:
        refuse("", "vectors", f"are missing; pass an array ({atoms}, 3), or (K, {atoms}, 3) for several")
    vectors = numbers(value, "vectors", "")
    if vectors.ndim not in (2, 3) or vectors.shape[-2:] != (atoms, 3) or len(vectors) == 0:
        refuse("", "vectors", f"have shape {vectors.shape}; must have ({atoms}, 3), or (K, {atoms}, 3) for several")
    many = vectors.reshape(-1, atoms, 3)
    for vector in many:
        refuse_not_finite(vector, "vectors", "")
    return many, vectors.ndim == 2
