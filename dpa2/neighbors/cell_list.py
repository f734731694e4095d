"""A search on a device whose arrays grow when they are too small."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import ceil, pi, prod, sqrt
from typing import Any, NoReturn

import numpy as np

from ..nn.arrays import Array, Float, array_namespace
from ..structures.lattice import NOWHERE, Periodic
from ..structures.system import refuse
from .cells import Capacity, Found, in_cells, pairs
from .grid import Grid

SPARE = 1.2  # how much more room is made than is needed, so that atoms that move do not soon need more
SMALLEST = 3.0  # Å; the side of the volume of a molecule along an axis along which it is flat


class CellList:
    """All pairs of atoms within a cutoff, found where the positions are, in arrays that keep their sizes if they can.

    cutoff: Å. pbc: along which axes the system is periodic.
    search: `pairs`, or what a compiler makes of it, with `grid` and `capacity` as constants.

    >>> nearby = CellList(cutoff=4.0)
    >>> found = nearby.update(np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.5]]))
    >>> found.center[:2].tolist(), found.neighbor[:2].tolist(), int(found.count)
    ([0, 1], [1, 0], 2)
    """

    def __init__(self, cutoff: float, pbc: Periodic = NOWHERE, search: Callable[..., Found] = pairs) -> None:
        self.cutoff, self.pbc, self.search = cutoff, pbc, search
        self.grid: Grid | None = None
        self.capacity = Capacity(0, 0)

    def update(self, positions: Float[Array, "atom 3"], cell: Float[Array, "3 3"] | None = None) -> Found:
        """Return the pairs of `pairs`, none missing; the host reads three numbers of each search.

        positions, cell: as for `pairs`, and without a graph of their derivatives.

        Raises `InputError` for a cell that is too thin for the cutoff, and for positions or a cell that are not finite
        or so far away that their precision does not tell bins apart.
        """
        grid = self.grid or self.renewed(positions, cell)
        found = self.search(positions, cell, grid, self.capacity)
        if not found.fits:
            grid = self.renewed(positions, cell)
            found = self.search(positions, cell, grid, self.capacity)
        if not found.fits:
            self.refuse_far()
        while found.fullest > self.capacity.bin or found.count > self.capacity.pairs:
            self.capacity = enlarged(self.capacity, int(found.fullest), int(found.count))
            found = self.search(positions, cell, grid, self.capacity)
        return found

    def renewed(self, positions: Float[Array, "atom 3"], cell: Float[Array, "3 3"] | None) -> Grid:
        """Return a grid for a cell and positions, which is kept from now on; capacities become those of a liquid."""
        xp = array_namespace(positions)
        places, heights = in_cells(positions, cell)
        extent = on_host((xp.max(places, axis=0) - xp.min(places, axis=0)) * heights)
        lattice = None if cell is None else on_host(cell)
        if not (np.isfinite(extent).all() and (lattice is None or np.isfinite(lattice).all())):
            self.refuse_far()
        self.grid = Grid.of(self.cutoff, self.pbc, lattice, extent, positions.shape[0])
        sides = np.where(self.pbc, 1.0, np.maximum(extent, SMALLEST) / on_host(heights))
        volume = abs(np.linalg.det(np.eye(3) if lattice is None else lattice)) * np.prod(sides)
        usual = usual_capacity(self.grid, positions.shape[0], volume)
        self.capacity = Capacity(max(usual.bin, self.capacity.bin), max(usual.pairs, self.capacity.pairs))
        return self.grid

    def refuse_far(self) -> NoReturn:
        """Raise an `InputError` for positions that no bins can be made of."""
        refuse("", "coordinates", f"are not finite, or too far away to tell apart within {self.cutoff} Å")


def usual_capacity(grid: Grid, atoms: int, volume: float) -> Capacity:
    """Return capacities for atoms that are spread evenly in a volume (Å³), with room for chance.

    >>> usual_capacity(Grid(4.0, (True, True, True), (10, 10, 10), (1, 1, 1)), atoms=9000, volume=90000.0)
    Capacity(bin=21, pairs=289530)
    """
    mean, within = atoms / prod(grid.bins), atoms / volume * 4.0 / 3.0 * pi * grid.cutoff**3
    most = ceil(mean + 4.0 * sqrt(mean))
    return Capacity(most, min(ceil(SPARE * atoms * within), atoms * most * len(grid.offsets)))


def enlarged(capacity: Capacity, fullest: int, count: int) -> Capacity:
    """Return capacities with room to spare for a fullest bin and a number of pairs, which may be too low yet.

    >>> enlarged(Capacity(bin=10, pairs=100), fullest=11, count=60)
    Capacity(bin=14, pairs=100)
    """
    if fullest > capacity.bin:
        capacity = replace(capacity, bin=ceil(SPARE * fullest))
    if count > capacity.pairs:
        capacity = replace(capacity, pairs=ceil(SPARE * count))
    return capacity


def on_host(x: Any) -> np.ndarray:
    """Return a small array of any library as one of NumPy, number by number."""
    if x.ndim == 1:
        return np.array([float(x[k]) for k in range(x.shape[0])])
    return np.array([on_host(x[k, ...]) for k in range(x.shape[0])])
