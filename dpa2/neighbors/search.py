"""The search for neighbours: candidates from vesin, whose distances are computed here."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any

import numpy as np

from ..nn.arrays import Float
from ..structures.lattice import times, wrapped
from ..structures.system import System
from .images import Images, heights, periodic_axes, placed
from .lists import Edges, Neighbors, Selection, norm, selected

IMPORTING = Lock()
MOST_BINS = 8e4  # bins of a search grid; vesin's own rule begins at 1e5 bins
SHORTEST = 20.0  # bins along the edge of a part, if a cell is searched in parts
Candidates = tuple[np.ndarray, np.ndarray, np.ndarray]  # centre (P,), neighbour (P,), translation (P, 3)
SLACK = 1e-9  # widening of the search radius, relative to cutoff and coordinates, so that rounding loses no candidate


def neighbor_list(system: System, cutoff: float, max_neighbors: int, **options: Any) -> Neighbors:
    """The neighbours of every atom of a checked system within `cutoff` (Å), at most `max_neighbors` of them.

    A neighbour at exactly the cutoff counts. Equal distances are ordered by number of image, then of atom. Virtual
    atoms (type -1) have no neighbours and are neighbours of none. Options are the other fields of `Selection`; excluded
    pairs of types are left out after the truncation.

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
    """All pairs of real atoms within `radius` Å, and some farther ones, for positions inside the cell."""
    real = np.flatnonzero(system.types >= 0)
    if len(real) == 0:
        return Pairs(real, real, np.zeros((0, 3), dtype=np.int32))
    positions = positions[real]
    radius += SLACK * (radius + np.abs(positions).max())
    positions, cell = with_vacuum(positions, system, 3 * radius)
    center, neighbor, shift = folded_pairs(positions, cell, radius)
    order = np.argsort(center, kind="stable")
    center, neighbor = center.take(order), neighbor.take(order)
    if len(real) < len(system.types):
        center, neighbor = real.take(center), real.take(neighbor)
    return Pairs(center, neighbor, shift.take(order, axis=0))


def with_vacuum(
    positions: Float[np.ndarray, "atom 3"], system: System, gap: float
) -> tuple[Float[np.ndarray, "atom 3"], Float[np.ndarray, "3 3"]]:
    """Positions in a cell that is periodic along all axes, with a vacuum of `gap` Å along those that are free."""
    periodic = np.array(periodic_axes(system))
    if periodic.all():
        return positions, system.cell
    cell = np.eye(3) if system.cell is None else system.cell
    places = positions if system.cell is None else times(positions, np.linalg.inv(cell))
    places = np.where(periodic, places, places - places.min(axis=0))
    lengths = np.where(periodic, 1.0, places.max(axis=0) + gap)  # vectors of free axes have length 1
    return (places if system.cell is None else times(places, cell)), lengths[:, None] * cell


def folded_pairs(positions: Float[np.ndarray, "atom 3"], cell: Float[np.ndarray, "3 3"], radius: float) -> Candidates:
    """All pairs within the radius and their translations, and perhaps some farther ones.

    vesin limits its grid to 1e5 bins by a rule that divides by zero, and ends the process, where a system is large but
    flat or long. So a cell of more bins is cut into equal parts, which are searched as if they were one on top of the
    other. Afterwards the pairs get the translations of the whole cell; pairs of atoms in different parts are far apart
    there, and `measured` drops them.
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
    """The number of parts that each edge is cut into: as few as needed, the longest edge first, none into short parts.

    >>> parts_of(np.array([300.0, 7.0, 1.0])), parts_of(np.array([1e6, 30.0, 1.0]))
    (array([1., 1., 1.]), array([375.,   1.,   1.]))
    """
    parts, bins = np.ones(3), np.maximum(bins, 1.0)
    for axis in np.argsort(-bins):
        excess = np.ceil(np.prod(bins / parts) / MOST_BINS)
        parts[axis] = min(excess, max(bins[axis] // SHORTEST, 1.0))
    return parts


def vesin_pairs(positions: Float[np.ndarray, "atom 3"], cell: Float[np.ndarray, "3 3"], radius: float) -> Candidates:
    """Centres, neighbours and translations of all pairs closer than the radius in a periodic system."""
    finder = vesin().NeighborList(cutoff=radius, full_list=True)
    pairs, shift = finder.compute(positions, cell, periodic=True, quantities="PS")
    center, neighbor = np.ascontiguousarray(pairs.view(np.int64).T)
    return center, neighbor, shift


def vesin() -> Any:
    """The search library, without the array libraries that it would import for tensors (PyTorch takes seconds).

    Only this module has that copy: a later `import vesin` of the user imports the library again.
    """
    if imported.cache_info().currsize:
        return imported()
    with IMPORTING:
        return imported()


@cache
def imported() -> Any:
    """The search library, imported once; by one thread, since what it must not find is hidden from all of them."""
    with hidden("torch", "cupy"):
        import vesin
    return vesin


@contextmanager
def hidden(*packages: str) -> Iterator[None]:
    """A context in which packages cannot be imported for the first time, and after which vesin is not imported."""
    modules: dict[str, Any] = sys.modules
    before = dict(modules)
    if "vesin" not in before:
        modules.update({name: None for name in packages if name not in before})  # None makes an import fail
    try:
        yield
    finally:
        for name in sys.modules.keys() - before.keys():
            if name.partition(".")[0] in (*packages, "vesin"):
                del sys.modules[name]


def measured(pairs: Pairs, positions: Float[np.ndarray, "atom 3"], images: Images, cutoff: float) -> Edges:
    """The candidates within the cutoff, with vectors (r_j + zB) - r_i."""
    image, reached = images.numbers(pairs.shift)
    neighbor = positions.take(pairs.neighbor, axis=0) + images.translation.take(image, axis=0)
    vector = neighbor - positions.take(pairs.center, axis=0)
    distance = norm(vector)
    near = np.flatnonzero((distance <= cutoff) & reached)
    extended = image * len(positions) + pairs.neighbor
    columns = pairs.center, pairs.neighbor, extended, pairs.shift, vector, distance
    return Edges(*(column.take(near, axis=0) for column in columns))
