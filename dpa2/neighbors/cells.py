"""The search for neighbours where the positions are: on any array library and device, in arrays of fixed sizes.

Atoms are sorted by bins, and each atom is compared with those of the bins around its own. No shape depends on numbers,
and nothing is brought to the host, so that a compiler can make one program of a search and of what uses it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ..nn.arrays import Array, Float, Int, array_namespace, filled, take_rows
from .grid import Grid

BLOCK = 2**22  # candidates that are measured at once, if an atom has so few in one direction
ROUNDING = 16.0  # rounding errors that a position relative to the bins has, at most


@dataclass(frozen=True)
class Capacity:
    """The sizes of arrays: atoms in one bin, pairs in all. It can be hashed."""

    bin: int
    pairs: int


class Found(NamedTuple):
    """All pairs of atoms within a cutoff, both directions, centre by centre, in arrays that may be longer.

    center: (P,), the number of atoms on entries that are empty, which are the last ones.
    neighbor: (P,), an atom, which may be an image of the centre; 0 on empty entries.
    shift: (P, 3), cells; positions[neighbor] + shift @ cell - positions[center] is the vector of a pair.
    count: the number of pairs. fullest: the number of atoms in the fullest bin. fits: whether the grid serves the cell.

    Pairs are missing where `count` or `fullest` is more than there was room for, or `fits` is false.
    """

    center: Int[Array, "pair"]
    neighbor: Int[Array, "pair"]
    shift: Int[Array, "pair 3"]
    count: Int[Array, ""]
    fullest: Int[Array, ""]
    fits: Array


def pairs(positions: Float[Array, "atom 3"], cell: Float[Array, "3 3"] | None, grid: Grid, capacity: Capacity) -> Found:
    """Return all pairs within the cutoff of a grid, and whether the capacities sufficed.

    positions: (N, 3), Å, inside the cell or not; N is 1 at least. cell: (3, 3), Å; any vectors that are not in a plane
    along free axes; None for a cluster. A pair at exactly the cutoff counts.

    >>> import numpy as np
    >>> grid = Grid.of(4.0, (False, False, False), None, np.array([0.0, 0.0, 3.0]), 2)
    >>> found = pairs(np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 3.0]]), None, grid, Capacity(bin=4, pairs=3))
    >>> found.center.tolist(), found.neighbor.tolist(), int(found.count)
    ([0, 1, 2], [1, 0, 0], 2)
    """
    xp = array_namespace(positions)
    binned = Binned.of(positions, cell, grid)
    block = max(1, BLOCK // (positions.shape[0] * capacity.bin))
    offsets = grid.offsets
    near = [binned.near(offsets[k : k + block], capacity.bin) for k in range(0, len(offsets), block)]
    marks = near[0] if len(near) == 1 else xp.concat(near, axis=1)
    count, place = marked(xp.reshape(marks, (-1,)), capacity.pairs)
    center, neighbor, shift = binned.pairs_at(place, offsets, capacity.bin)
    used = numbers(capacity.pairs, count) < count
    return Found(
        center=xp.where(used, center, xp.zeros_like(center) + positions.shape[0]),
        neighbor=xp.where(used, neighbor, xp.zeros_like(neighbor)),
        shift=xp.where(used[:, None], shift, xp.zeros_like(shift)),
        count=count,
        fullest=xp.max(binned.end - binned.first),
        fits=binned.fits,
    )


@dataclass(frozen=True, eq=False)
class Binned:
    """Atoms in bins.

    grid: the bins. lattice: lattice vectors, Å. fits: whether the grid serves them.
    bin: (N, 3), the bin of each atom. crossed: (N, 3), cells between an atom and its image in the first cell.
    positions: (N, 3), Å, moved into the cell along periodic axes.
    order: (N,), the atoms bin by bin. rank: (N,), where each atom stands in this order.
    first, end: (bins,), where the atoms of each bin begin and end in this order.
    """

    grid: Grid
    lattice: Array
    fits: Array
    bin: Array
    crossed: Array
    positions: Array
    order: Array
    rank: Array
    first: Array
    end: Array

    @classmethod
    def of(cls, positions: Float[Array, "atom 3"], cell: Float[Array, "3 3"] | None, grid: Grid) -> Binned:
        """Return atoms sorted into the bins of a grid."""
        xp = array_namespace(positions)
        lattice = unit_vectors(positions) if cell is None else cell
        places, heights = in_cells(positions, lattice)
        crossed, bins = in_bins(places, heights, grid)
        positions = positions - rows_times(crossed, lattice)
        number = raveled(bins, grid)
        order = xp.argsort(number, stable=True)
        every = numbers(grid.bins[0] * grid.bins[1] * grid.bins[2], number)
        first, end = (xp.searchsorted(take_rows(number, order), every, side=side) for side in ("left", "right"))
        return cls(
            grid=grid,
            lattice=lattice,
            fits=serves(grid, heights, positions),
            bin=bins,
            crossed=xp.astype(crossed, bins.dtype),
            positions=positions,
            order=order,
            rank=xp.argsort(order, stable=True),
            first=xp.astype(first, bins.dtype),
            end=xp.astype(end, bins.dtype),
        )

    def around(self, bins: Int[Array, "*some 3"], offset: Int[Array, "*others 3"]) -> tuple[Array, Array]:
        """Return the number of the bin at an offset from another one, and of which image of the cell it is."""
        count, periodic = filled(self.grid.bins, bins), filled([int(p) for p in self.grid.pbc], bins)
        moved = bins + offset
        turns = moved // count
        return raveled(moved - turns * count, self.grid), turns * periodic

    def near(self, offsets: list[tuple[int, ...]], capacity: int) -> Array:
        """Return (atom, offset, place) for each place in the bins at some offsets whether a neighbour is there."""
        xp = array_namespace(self.positions)
        number, image = self.around(self.bin[:, None, :], filled(offsets, self.bin)[None, :, :])
        place = take_rows(self.first, number)[..., None] + numbers(capacity, number)
        present = place < take_rows(self.end, number)[..., None]
        place = self.within(place)
        translation = rows_times(xp.astype(image, self.positions.dtype), self.lattice)
        neighbor = take_rows(take_rows(self.positions, self.order), place) + translation[..., None, :]
        distance = norm(neighbor - self.positions[:, None, None, :])
        itself = (xp.sum(xp.abs(image), axis=-1) == 0)[..., None] & (place == self.rank[:, None, None])
        return present & (distance <= self.grid.cutoff) & ~itself

    def pairs_at(
        self, place: Int[Array, "pair"], offsets: list[tuple[int, ...]], capacity: int
    ) -> tuple[Array, Array, Array]:
        """Return centre, neighbour and shift of the candidates at some places among all of them."""
        center = place // (len(offsets) * capacity)
        offset = take_rows(filled(offsets, self.bin), place // capacity % len(offsets))
        number, image = self.around(take_rows(self.bin, center), offset)
        neighbor = take_rows(self.order, self.within(take_rows(self.first, number) + place % capacity))
        return center, neighbor, image + take_rows(self.crossed, center) - take_rows(self.crossed, neighbor)

    def within(self, place: Int[Array, "*axes"]) -> Int[Array, "*axes"]:
        """Return places in the order of atoms; places behind the last atom, where nothing is, become its own."""
        return array_namespace(place).clip(place, None, self.order.shape[0] - 1)


def in_cells(
    positions: Float[Array, "atom 3"], cell: Float[Array, "3 3"] | None
) -> tuple[Float[Array, "atom 3"], Float[Array, "3"]]:
    """Return positions in units of the lattice vectors, or in Å without a cell, and the heights of the cell, Å."""
    reciprocal, heights = reciprocal_lattice(unit_vectors(positions) if cell is None else cell)
    return rows_times(positions, reciprocal.mT), heights


def unit_vectors(positions: Float[Array, "atom 3"]) -> Float[Array, "3 3"]:
    """Return the vectors in place of those of a cell for a cluster."""
    return filled([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], positions)


def in_bins(
    places: Float[Array, "atom 3"], heights: Float[Array, "3"], grid: Grid
) -> tuple[Float[Array, "atom 3"], Int[Array, "atom 3"]]:
    """Return how many cells an atom at a fractional position is away from the first one, and its bin there.

    heights: of the cell, Å.
    """
    xp = array_namespace(places)
    periodic, count = filled([float(p) for p in grid.pbc], places), filled([float(n) for n in grid.bins], places)
    crossed = xp.floor(places) * periodic
    step = xp.where(periodic > 0.0, count, heights / grid.width)  # bins in a vector of the lattice
    bins = xp.floor((places - crossed) * step)
    bins = bins - count * xp.floor(bins / count) * (1.0 - periodic)
    bins = xp.clip(bins, 0.0, None)
    whole = xp.astype(xp.minimum(bins, count - 1.0), numbers(1, places).dtype)
    return crossed, xp.clip(whole, 0, max(grid.bins) - 1)


def serves(grid: Grid, heights: Float[Array, "3"], positions: Float[Array, "atom 3"]) -> Array:
    """Return whether the bins that a grid looks into hold all neighbours, for a cell with such heights, Å."""
    xp = array_namespace(heights)
    periodic, depth = filled([float(p) for p in grid.pbc], heights), filled([float(r) for r in grid.reach], heights)
    seen = depth * xp.where(periodic > 0.0, heights / filled([float(n) for n in grid.bins], heights), grid.width)
    slack = ROUNDING * xp.finfo(heights.dtype).eps * (grid.cutoff + xp.max(xp.abs(positions)))
    return xp.min(seen) >= grid.cutoff + slack


def marked(marks: Array, capacity: int) -> tuple[Int[Array, ""], Int[Array, "pair"]]:
    """Return how many marks are true and where the first of them are; what the rest of the places says means nothing.

    >>> import numpy as np
    >>> count, place = marked(np.array([False, True, False, True, True]), 2)
    >>> int(count), place.tolist()
    (3, [1, 3])
    """
    xp = array_namespace(marks)
    sums = xp.cumulative_sum(xp.astype(marks, xp.int32), dtype=xp.int32)
    wanted = xp.astype(numbers(capacity, marks), xp.int32) + 1
    place = xp.searchsorted(sums, wanted, side="left")
    return sums[-1], xp.clip(xp.astype(place, numbers(1, marks).dtype), 0, marks.shape[0] - 1)


def reciprocal_lattice(cell: Float[Array, "3 3"]) -> tuple[Float[Array, "3 3"], Float[Array, "3"]]:
    """Return the vectors whose products with a position are its fractional position, and the heights of the cell.

    >>> import numpy as np
    >>> vectors, heights = reciprocal_lattice(np.array([[2.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 5.0]]))
    >>> vectors.diagonal().tolist(), heights.tolist()
    ([0.5, 0.25, 0.2], [2.0, 4.0, 5.0])
    """
    xp = array_namespace(cell)
    a, b, c = cell[0, :], cell[1, :], cell[2, :]
    normals = xp.stack([cross(b, c), cross(c, a), cross(a, b)])
    vectors = normals / xp.sum(normals[0, :] * a)
    return vectors, 1.0 / norm(vectors)


def cross(u: Float[Array, "3"], v: Float[Array, "3"]) -> Float[Array, "3"]:
    """Return the vector product."""
    (a, b, c), (x, y, z) = ((w[0], w[1], w[2]) for w in (u, v))
    return array_namespace(u).stack([b * z - c * y, c * x - a * z, a * y - b * x])


def rows_times(rows: Float[Array, "*axes 3"], matrix: Float[Array, "3 3"]) -> Float[Array, "*axes 3"]:
    """Return rows @ matrix, summed in the order of `structures.lattice.times`."""
    return rows[..., 0:1] * matrix[0, :] + rows[..., 1:2] * matrix[1, :] + rows[..., 2:3] * matrix[2, :]


def norm(vector: Float[Array, "*axes 3"]) -> Float[Array, "*axes"]:
    """Return the lengths of vectors, in the order of operations of `lists.norm`."""
    xp = array_namespace(vector)
    x, y, z = vector[..., 0], vector[..., 1], vector[..., 2]
    return xp.sqrt(x * x + y * y + z * z)


def raveled(bins: Int[Array, "*axes 3"], grid: Grid) -> Int[Array, "*axes"]:
    """Return the numbers of bins by their places along the axes."""
    return (bins[..., 0] * grid.bins[1] + bins[..., 1]) * grid.bins[2] + bins[..., 2]


def numbers(count: int, like: Array) -> Int[Array, "number"]:
    """Return 0, 1, ... on the device of an array."""
    xp = array_namespace(like)
    try:
        return xp.arange(count, device=like.device)
    except (TypeError, AttributeError):  # a traced JAX array has no one device
        return xp.arange(count)
