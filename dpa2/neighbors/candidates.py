"""All pairs of atoms that may come within a cutoff while atoms move, each from both sides."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from ..nn.arrays import Int
from ..structures.lattice import times
from ..structures.system import System
from .images import Images, periodic_axes, placed
from .lists import norm
from .search import search


@dataclass(frozen=True, eq=False)
class CandidateTable:
    """The candidates of each atom of a system, in any order.

    near: (N, K), atoms; 0 on empty slots. shift: (N, K, 3), lattice translations between the positions as the system
    has them, which need not be in the cell. present: (N, K), whether there is one. back: (N, K), the slot of the
    candidate's row that leads back to the atom.
    """

    near: Int[np.ndarray, "atom candidate"]
    shift: Int[np.ndarray, "atom candidate 3"]
    present: np.ndarray
    back: Int[np.ndarray, "atom candidate"]


def candidates(system: System, radius: float, excluded: Collection[tuple[int, int]] = ()) -> CandidateTable:
    """Return the candidates within a radius (Å) of every atom of a checked system, without excluded pairs of types."""
    center, neighbor, shift = one_sided(system, radius, excluded)
    moved = cells_moved(system)
    shift = shift + moved[neighbor] - moved[center]
    pairs = len(center)
    both = np.concatenate([center, neighbor]), np.concatenate([neighbor, center]), np.concatenate([shift, -shift])
    order = np.argsort(both[0], kind="stable")
    row, counts = both[0][order], np.bincount(both[0], minlength=len(system.types))
    slot = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    slot_of = np.empty_like(slot)
    slot_of[order] = slot
    back = np.roll(slot_of, pairs)  # the other side of pair p is pair p + pairs
    shape = len(counts), max(1, int(counts.max(initial=0)))
    table = CandidateTable(
        np.zeros(shape, np.int64), np.zeros((*shape, 3), np.int64), np.zeros(shape, bool), np.zeros(shape, np.int64)
    )
    table.near[row, slot], table.shift[row, slot], table.back[row, slot] = both[1][order], both[2][order], back[order]
    table.present[row, slot] = True
    return table


def one_sided(
    system: System, radius: float, excluded: Collection[tuple[int, int]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return centre, neighbour and translation of each pair within the radius, from one of its sides."""
    positions, _ = placed(system)
    Images.within(radius, system)  # refuses a cell that is too thin
    found = search(positions, system, radius)
    cell = np.zeros((3, 3)) if system.cell is None else system.cell
    away = positions[found.neighbor] + times(found.shift.astype(np.float64), cell) - positions[found.center]
    first = np.sign(found.shift) @ (9, 3, 1)
    one = (found.center < found.neighbor) | ((found.center == found.neighbor) & (first > 0))
    kinds = np.sort(np.stack([system.types[found.center], system.types[found.neighbor]]), axis=0)
    for a, b in excluded:
        one &= (kinds[0] != min(a, b)) | (kinds[1] != max(a, b))
    rows = np.flatnonzero(one & (norm(away) <= radius))
    return found.center[rows], found.neighbor[rows], found.shift[rows].astype(np.int64)


def cells_moved(system: System) -> Int[np.ndarray, "atom 3"]:
    """Return by how many cells each atom is moved to come into the cell."""
    if system.cell is None:
        return np.zeros((len(system.types), 3), dtype=np.int64)
    positions, _ = placed(system)
    moved = times(positions - system.coordinates, np.linalg.inv(system.cell))
    return np.rint(np.where(periodic_axes(system), moved, 0.0)).astype(np.int64)
