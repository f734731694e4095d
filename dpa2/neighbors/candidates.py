"""All pairs of atoms that may come within a cutoff while atoms move, found on the host."""

from __future__ import annotations

import numpy as np

from ..nn.arrays import Int
from ..structures.lattice import times
from ..structures.system import System
from .images import Images, periodic_axes, placed
from .search import Pairs, search


def candidates(system: System, radius: float) -> Pairs:
    """Return all pairs within a radius (Å), and perhaps some farther ones, of a checked system, centre by centre.

    Translations are those between the positions as the system has them, which need not be in the cell.
    """
    positions, _ = placed(system)
    Images.within(radius, system)  # refuses a cell that is too thin
    found, moved = search(positions, system, radius), cells_moved(system)
    return Pairs(found.center, found.neighbor, found.shift + moved[found.neighbor] - moved[found.center])


def cells_moved(system: System) -> Int[np.ndarray, "atom 3"]:
    """Return by how many cells each atom is moved to come into the cell."""
    if system.cell is None:
        return np.zeros((len(system.types), 3), dtype=np.int64)
    positions, _ = placed(system)
    moved = times(positions - system.coordinates, np.linalg.inv(system.cell))
    return np.rint(np.where(periodic_axes(system), moved, 0.0)).astype(np.int64)
