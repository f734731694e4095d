"""Energy, forces and virial as a function of positions, from candidates that were found before.

Everything is computed where the arrays are, in arrays of fixed shapes, so that a library may make one program of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..batching.moving import Arrangement, Candidates, Distances, arranged, crowded, distances, narrowed, ordered
from ..fitting.atomic_model import AtomicProgram
from ..fitting.head import Inputs
from ..neighbors.cells import pairs, reciprocal_lattice
from ..nn.arrays import Array, Float, array_namespace, cut, filled, take_rows
from ..nn.module import map_leaves, module
from .forces import end_to_end_parts
from .library import Library
from .rows import RowMap, sum_over_rows


class Motion(NamedTuple):
    """Energy (), eV, forces (N, 3), eV/Å, and virial (3, 3), eV; all NaN where the candidates do not suffice."""

    energy: Array
    forces: Array
    virial: Array


@module
class Origin:
    """Where candidates were searched: positions (N, 3), cell (3, 3) and its inverse. reach, skin: of the search, Å."""

    positions: Float[Array, "atom 3"]
    cell: Float[Array, "3 3"]
    inverse: Float[Array, "3 3"]
    reach: Float[Array, ""]
    skin: Float[Array, ""]


def moved_too_far(origin: Origin, positions: Float[Array, "atom 3"], cell: Float[Array, "3 3"]) -> Array:
    """Return whether an atom may have a neighbour that is no candidate.

    A pair at distance r was at r' before, and r ≥ r' - 2 u - r' |F - 1|, with u the largest displacement beside the
    deformation F of the cell.
    """
    xp = array_namespace(positions)
    strain = origin.inverse @ (cell - origin.cell)
    beside = positions - origin.positions - origin.positions @ strain
    farthest = xp.max(xp.sqrt(xp.sum(beside * beside, axis=1)))
    return ~(2.0 * farthest + origin.reach * xp.sqrt(xp.sum(strain * strain)) <= origin.skin)  # true for NaN, too


def renewed(
    found: Candidates, origin: Origin, positions: Float[Array, "atom 3"], cell: Float[Array, "3 3"]
) -> tuple[Candidates, Origin]:
    """Return the candidates of these positions in arrays of the same shapes; stale at once where they do not fit."""
    xp = array_namespace(positions)
    grid, capacity = found.layout.grid, found.layout.capacity
    periodic = any(grid.pbc)
    near = pairs(positions, cell if periodic else None, grid, capacity)
    slots = found.near.shape[1]
    other, widest = found.with_pairs(near.center, near.neighbor, near.shift, slots)
    fits = near.fits & (near.fullest <= capacity.bin) & (near.count <= capacity.pairs) & (widest <= slots)
    inverse = reciprocal_lattice(cell)[0].mT if periodic else origin.inverse
    skin = xp.where(fits, origin.skin, filled(-1.0, origin.skin))
    return other, Origin(1.0 * positions, 1.0 * cell, inverse, origin.reach, skin)  # copies: the caller's may change


def stale(found: Candidates, origin: Origin, positions: Float[Array, "atom 3"], cell: Float[Array, "3 3"]) -> Array:
    """Return whether candidates, or the room in the chunks, do not suffice for these positions."""
    now = distances(found, positions, cell[None, ...])
    return crowded(found, now, ordered(found, now)) | moved_too_far(origin, positions, cell)


def laid_out(
    found: Candidates,
    origin: Origin,
    inputs: Inputs,
    positions: Float[Array, "atom 3"],
    cell: Float[Array, "3 3"],
    fitted: Callable[[Candidates, Distances, Array], Candidates] = lambda found, now, order: found,
) -> tuple[Arrangement, Inputs, Array, Array]:
    """Return the chunks of these positions, inputs and positions in their order, and whether candidates are stale.

    fitted: returns the candidates with the widths that chunks are to have.
    """
    now = distances(found, positions, cell[None, ...])
    order = ordered(found, now)
    insufficient = crowded(found, now, order) | moved_too_far(origin, positions, cell)
    given = map_leaves(lambda _, x: take_rows(x, order), inputs)
    coordinates = take_rows(positions, take_rows(found.atom, order))
    return arranged(fitted(found, now, order), now, order), given, coordinates, insufficient


def laid_out_closely(
    found: Candidates, origin: Origin, inputs: Inputs, positions: Float[Array, "atom 3"], cell: Float[Array, "3 3"]
) -> tuple[Arrangement, Inputs, Array, Array]:
    """Return the same in chunks that are no wider than these positions need; for arrays in memory."""
    return laid_out(found, origin, inputs, positions, cell, narrowed)


def evaluated(
    backend: Library,
    program: AtomicProgram,
    found: Candidates,
    origin: Origin,
    inputs: Inputs,
    positions: Float[Array, "atom 3"],
    cell: Float[Array, "3 3"],
) -> Motion:
    """Return energy, forces and virial at these positions."""
    (laid,) = backend.run(
        laid_out_closely if backend.in_memory else laid_out, (found, origin, inputs), [positions], [cell]
    )
    now, given, coordinates, insufficient = laid
    sizes = found.layout.sizes
    of_chunks = [inputs_at(given, span) for span in found.layout.spans]
    energies, pull = program.vjp(now.chunks, of_chunks, backend)
    gradients = pull([each.real for each in of_chunks])
    parts = end_to_end_parts(backend, now.chunks, cut(coordinates, sizes), energies, gradients)
    row_map = RowMap(now.near, now.system, now.rank[: positions.shape[0]], 1, 0, backend.sum_into_rows)
    ((energy, forces, virial),) = backend.run(finished, (row_map, insufficient), *parts)
    return Motion(energy, forces, virial)


def inputs_at(inputs: Inputs, span: slice) -> Inputs:
    """Return the inputs of some rows."""
    return map_leaves(lambda _, x: x[span, ...], inputs)  # type: ignore[no-any-return]


def finished(
    row_map: RowMap,
    insufficient: Array,
    energies: Float[Array, "row"],
    leaving: Float[Array, "row 3"],
    arriving: Float[Array, "edge 3"],
    virial: Float[Array, "row 3 3"],
) -> tuple[Array, Array, Array]:
    """Return the energy, forces and virial of the only system, NaN where candidates are insufficient."""
    totals, (forces, _), virials, _ = sum_over_rows(row_map, energies, leaving, arriving, virial)
    xp = array_namespace(totals)
    nothing = filled(float("nan"), totals)
    return tuple(xp.where(insufficient, nothing, x) for x in (totals[0], forces, virials[0, ...]))
