"""The bins of a search on a device: chosen on the host, once, for cells that change little."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from ..nn.arrays import Float
from ..structures.lattice import Periodic
from .images import heights, refuse_thin

ROOM = 0.05  # bins are wider than the cutoff by this part of it, so that a cell may shrink a little


@dataclass(frozen=True)
class Grid:
    """The bins that atoms are sorted into. It can be hashed, so that a compiler takes it as a constant.

    cutoff: Å. pbc: along which axes the system is periodic.
    bins: their number along each axis. Those of a periodic axis divide the cell. Those of a free axis are `width` Å
        wide and are numbered round and round, so that no atom lies outside and far atoms share bins.
    reach: how many bins to either side hold all neighbours of an atom.
    """

    cutoff: float
    pbc: Periodic
    bins: tuple[int, int, int]
    reach: tuple[int, int, int]

    @classmethod
    def of(
        cls, cutoff: float, pbc: Periodic, cell: Float[np.ndarray, "3 3"] | None, extent: np.ndarray, atoms: int
    ) -> Grid:
        """Return the grid for a cell and a number of atoms; it has at most as many bins as there are atoms.

        cutoff: Å. cell: lattice vectors, Å, any that are not in a plane along free axes; None for a cluster.
        extent: (3,), distance between the first and the last atom along each free axis, Å.

        Raises `InputError` if the cell is too thin for the cutoff.

        >>> Grid.of(4.0, (True, True, False), np.diag([9.0, 3.0, 1.0]), np.array([0.0, 0.0, 9.0]), 100)
        Grid(cutoff=4.0, pbc=(True, True, False), bins=(2, 1, 3), reach=(1, 2, 1))
        """
        width = cutoff * (1.0 + ROOM)
        periodic, lengths = np.array(pbc), heights(np.eye(3) if cell is None else cell)
        bins = np.where(periodic, lengths // width, np.floor(extent / width) + 1.0)
        bins = at_most(np.maximum(bins, 1.0), max(atoms, 1))
        reach = np.where(periodic, np.ceil(bins * width / lengths), 1.0)
        refuse_thin(cell, cutoff, reach)
        return cls(float(cutoff), pbc, *(tuple(int(n) for n in axes) for axes in (bins, reach)))  # type: ignore[arg-type]

    @property
    def width(self) -> float:
        """The width of bins along free axes, Å."""
        return self.cutoff * (1.0 + ROOM)

    @property
    def offsets(self) -> list[tuple[int, ...]]:
        """Return the steps from a bin to those that can hold neighbours of its atoms, each bin and image once."""
        return list(product(*map(steps, self.pbc, self.bins, self.reach)))


def steps(periodic: bool, bins: int, reach: int) -> range:
    """Return the steps along one axis; a free axis with few bins has no two steps to the same one."""
    return range(-reach, reach + 1) if periodic or bins > 2 * reach else range(bins)


def at_most(bins: Float[np.ndarray, "3"], limit: int) -> Float[np.ndarray, "3"]:
    """Return fewer bins, `limit` in all: the longest axis is halved until they are few enough.

    >>> at_most(np.array([1000.0, 7.0, 2.0]), 100).tolist()
    [4.0, 7.0, 2.0]
    """
    bins = bins.copy()
    while np.prod(bins) > limit:
        axis = int(np.argmax(bins))
        bins[axis] = np.ceil(bins[axis] / 2.0)
    return bins
