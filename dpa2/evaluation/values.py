"""Values of models that predict something else than energies, and their derivatives (specification section 21).

The value of a system is the sum over its atoms, or a mean. Derivatives follow from the gradients of edges, component by
component, as forces do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..config import DPA2Config
from ..errors import InputError
from ..fitting.atomic_model import AtomicProgram
from ..nn.arrays import Array, Float, array_namespace
from .forces import flow, share_out
from .library import Library
from .outputs import OUTPUTS
from .prepared import Prepared
from .rows import RowMap

Pull = Callable[[Sequence[Array]], list[Array]]


def evaluate_values(
    config: DPA2Config, program: AtomicProgram, backend: Library, ready: Prepared, gradient: bool
) -> list[Any]:
    """Return the values of the systems and of their atoms, and the derivatives of the former."""
    values, pull = program.vjp(ready.chunks, ready.inputs, backend, ready.exchange)
    factors = shares(config, backend, ready)
    whole = ([backend.joiner()(part)] for part in (backend.run(times, (), values, factors), values))
    ((totals, of_atoms),) = backend.run(sum_values, (ready.row_map,), *whole)
    parts = backend.pieces(totals, [1] * len(ready.systems)), backend.pieces(of_atoms, ready.atoms)
    shape = tuple(totals.shape[1:])
    gradients = gradients_of(shape, backend, ready, factors, pull) if gradient else [None] * len(ready.systems)
    kind = OUTPUTS[config.kind]
    return [kind(total[0, ...], atoms, slope) for total, atoms, slope in zip(*parts, gradients, strict=True)]


def shares(config: DPA2Config, backend: Library, ready: Prepared) -> list[Array]:
    """Return the factor of each atom's value in its system's: 1, or, for a mean, 1 / the number of atoms that count.

    Raises `InputError` for a mean over no atoms.
    """
    if not config.averages:
        return [given.real for given in ready.inputs]
    counts = [int(((s.types >= 0) & ~np.isin(s.types, config.excluded_types)).sum()) for s in ready.systems]
    for k, count in enumerate(counts):
        require_mean(config, count, ready.systems[k].name or f"system {k}")
    factors = (1.0 / np.array(counts))[ready.plan.system]
    return backend.arrays(ready.plan.cut(factors), backend.wide())


def require_mean(config: DPA2Config, count: int, name: str = "") -> None:
    """Raise `InputError` for an intensive property of a system without atoms that count."""
    if count == 0 and config.averages:
        where = f"{name}: " if name else ""
        rule = "an intensive property is the mean over atoms that count, of which this system has none"
        raise InputError(f"{where}{rule}", argument="types")


def gradients_of(
    shape: tuple[int, ...], backend: Library, ready: Prepared, factors: Sequence[Array], pull: Pull
) -> list[Array]:
    """Return the derivatives (..., N, 3) of each system's value of some shape by the coordinates of its atoms."""
    columns = []
    for index in np.ndindex(*shape):
        chosen = np.zeros(shape)
        chosen[index] = 1.0
        weights = backend.run(times, (), [backend.asarray(chosen, backend.wide())[None, ...]] * len(factors), factors)
        columns.append(backend.pieces(-flow(backend, ready, share_out, pull(weights)), ready.atoms))
    xp = array_namespace(columns[0][0])
    return [xp.reshape(xp.stack(system), (*shape, -1, 3)) for system in zip(*columns, strict=True)]


def times(values: Float[Array, "rows *component"], factors: Float[Array, "atom"]) -> Float[Array, "atom *component"]:
    """The values of atoms, or one value for all of them, times a factor of each atom."""
    return values * array_namespace(factors).reshape(factors, (-1,) + (1,) * (values.ndim - 1))


def sum_values(
    row_map: RowMap, weighted: Float[Array, "row *component"], values: Float[Array, "row *component"]
) -> tuple[Array, Array]:
    """The sums over systems, and the values of atoms, from those of the rows of all chunks."""
    return row_map.totals(weighted), row_map.unsorted(values)
