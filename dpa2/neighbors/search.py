"""Finding neighbours: candidates from vesin, measured here."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import numpy as np

from ..nn.arrays import Float
from ..structures.system import System, times, wrapped
from .images import Images, heights, placed
from .lists import Edges, Neighbors, Selection, norm, selected

MOST_BINS, SHORTEST = 8e4, 20.0  # of a grid; of the edge of a part, in bins
SLACK = 1e-9  # how much wider candidates are searched, relative to the cutoff and the coordinates: far above rounding


def neighbor_list(system: System, cutoff: float, max_neighbors: int, **options) -> Neighbors:
    """The neighbours of every atom of a checked system within `cutoff` (Å), at most `max_neighbors` of them.

    A neighbour at exactly the cutoff counts. Equal distances are ordered by number of image, then of atom. Virtual
    atoms (type -1) have no neighbours and are none. Options are the other fields of `Selection`; excluded pairs of
    types are erased after the truncation.

    Raises `TooManyNeighbors` if an atom has more than `max_neighbors` and the option neighbors="truncate" is not given,
    `InputError` if two atoms are at the same place or the cell is too thin for the cutoff.

    Source: sections 1.2 to 1.4 of the specification.

    >>> from dpa2.structures.system import System, checked
    >>> dimer = checked(System([[0, 0, 0], [0, 0, 1.5]], ["H", "H"]), ("H",))
    >>> neighbor_list(dimer, cutoff=4.0, max_neighbors=10).index
    array([[1],
           [0]])
    """
    selection = Selection(cutoff, max_neighbors, **options)
    positions, _ = placed(system)
    images = Images.within(cutoff, system)
    pairs = search(positions, system, cutoff)
    return selected(measured(pairs, positions, images, cutoff), system.types, selection, system.name)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Candidates, centre by centre: centre (P,), neighbour (P,) and the neighbour's lattice translation (P, 3)."""

    center: np.ndarray
    neighbor: np.ndarray
    shift: np.ndarray


def search(positions: Float[np.ndarray, "atom 3"], system: System, radius: float) -> Pairs:
    """All pairs of real atoms within `radius` Å and some that are not, for positions inside the cell."""
    real = np.flatnonzero(system.types >= 0)
    if len(real) == 0:
        return Pairs(real, real, np.zeros((0, 3), dtype=np.int32))
    positions = positions[real]
    radius += SLACK * (radius + np.abs(positions).max())
    cell = system.cell
    if cell is None:
        positions = positions - positions.min(axis=0)
        cell = np.diag(positions.max(axis=0) + 3 * radius)  # so roomy that no image is within the radius
    center, neighbor, shift = folded_pairs(positions, cell, radius)
    order = np.argsort(center, kind="stable")
    center, neighbor = center.take(order), neighbor.take(order)
    if len(real) < len(system.types):
        center, neighbor = real.take(center), real.take(neighbor)
    return Pairs(center, neighbor, shift.take(order, axis=0))


def folded_pairs(positions: Float[np.ndarray, "atom 3"], cell: Float[np.ndarray, "3 3"], radius: float):
    """All pairs within the radius and their translations.

    vesin limits its grid to 1e5 bins by a rule that divides by zero, and ends the process, where a system is large but
    flat or long. So a cell of more bins is searched as if its parts lay on top of each other. Each pair finds back to
    its place in the cell; those of atoms in different parts are then far apart, and are left to whoever measures.
    """
    parts = parts_of(heights(cell) / radius)
    if parts.max() == 1:
        return vesin_pairs(positions, cell, radius)
    part = cell / parts[:, None]
    folded = wrapped(positions, part)
    center, neighbor, shift = vesin_pairs(folded, part, radius)
    moved = folded - positions
    back = times(shift.astype(np.float64), part) + moved.take(neighbor, axis=0) - moved.take(center, axis=0)
    return center, neighbor, np.rint(times(back, np.linalg.inv(cell))).astype(np.int32)


def parts_of(bins: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    """Into how many parts each edge is cut: no more than needed, the longest first, and none into short ones.

    >>> parts_of(np.array([300.0, 7.0, 1.0])), parts_of(np.array([1e6, 30.0, 1.0]))
    (array([1., 1., 1.]), array([375.,   1.,   1.]))
    """
    parts, bins = np.ones(3), np.maximum(bins, 1.0)
    for axis in np.argsort(-bins):
        excess = np.ceil(np.prod(bins / parts) / MOST_BINS)
        parts[axis] = min(excess, max(bins[axis] // SHORTEST, 1.0))
    return parts


def vesin_pairs(positions: Float[np.ndarray, "atom 3"], cell: Float[np.ndarray, "3 3"], radius: float):
    """Centres, neighbours and translations of all pairs closer than the radius in a periodic system."""
    finder = vesin().NeighborList(cutoff=radius, full_list=True)
    pairs, shift = finder.compute(positions, cell, periodic=True, quantities="PS")
    center, neighbor = np.ascontiguousarray(pairs.view(np.int64).T)
    return center, neighbor, shift


@cache
def vesin():
    """The search library, without the array libraries that it would import for tensors (PyTorch takes seconds).

    Only this module sees that copy: a later `import vesin` of the user's starts afresh.
    """
    with hidden("torch", "cupy"):
        import vesin
    return vesin


@contextmanager
def hidden(*packages: str):
    """Packages that are not imported yet cannot be, and what is imported meanwhile is forgotten afterwards."""
    before = dict(sys.modules)
    if "vesin" not in before:
        sys.modules.update({name: None for name in packages if name not in before})
    try:
        yield
    finally:
        for name in sys.modules.keys() - before.keys():
            if name.partition(".")[0] in (*packages, "vesin"):
                del sys.modules[name]


def measured(pairs: Pairs, positions: Float[np.ndarray, "atom 3"], images: Images, cutoff: float) -> Edges:
    """The candidates that are within the cutoff, with vectors (r_j + zB) - r_i."""
    image, reached = images.numbers(pairs.shift)
    neighbor = positions.take(pairs.neighbor, axis=0) + images.translation.take(image, axis=0)
    vector = neighbor - positions.take(pairs.center, axis=0)
    distance = norm(vector)
    near = np.flatnonzero((distance <= cutoff) & reached)
    extended = image * len(positions) + pairs.neighbor
    columns = pairs.center, pairs.neighbor, extended, pairs.shift, vector, distance
    return Edges(*(column.take(near, axis=0) for column in columns))
