"""Which atoms are near which: one list per atom, nearest first, as long as the model's cutoff and limit allow.

Every way to a list (a search, a search that is kept while atoms move, a list from outside) ends in the same few
steps: measure the candidates, drop what is beyond the cutoff, sort, truncate, leave out excluded pairs. So they agree
to the last bit.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import numpy as np

from .arrays import Float, Int
from .errors import TooManyNeighbors
from .system import System, fractional, host_array, refuse, times, wrapped

SLACK = 1e-9  # how much wider candidates are searched, relative to the cutoff and the coordinates: far above rounding
MOST_IMAGES = 10**6


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The neighbours of every atom of one system, nearest first; rows are as wide as the widest atom needs.

    index: (N, W), atom of which the neighbour is, or is an image; -1 on empty slots.
    vector: (N, W, 3), neighbour minus centre, Å; 0 on empty slots.
    distance: (N, W), Å; infinite on empty slots.
    shift: (N, W, 3), the lattice translation that takes the wrapped atom to the neighbour; None for a list from
        outside, whose images are known by position only.
    extended: (N, W), number of the neighbour among all images, image * N + atom; -1 on empty slots.
    counts: (N,), occupied slots.

    Source: sections 1.3 and 1.4 of the specification.
    """

    index: Int[np.ndarray, "atom neighbor"]
    vector: Float[np.ndarray, "atom neighbor 3"]
    distance: Float[np.ndarray, "atom neighbor"]
    shift: Int[np.ndarray, "atom neighbor 3"] | None
    extended: Int[np.ndarray, "atom neighbor"]
    counts: Int[np.ndarray, "atom"]


@dataclass(frozen=True)
class Selection:
    """What a model keeps of an atom's neighbours: those within the cutoff, the nearest `limit`, no excluded pairs.

    neighbors: "strict" refuses an atom with more than `limit`, "truncate" drops the farthest.
    type_map: names of the types, for errors.
    """

    cutoff: float
    limit: int
    excluded_pairs: Collection[tuple[int, int]] = ()
    neighbors: str = "strict"
    type_map: Sequence[str] = ()

    def __post_init__(self):
        if self.neighbors not in ("strict", "truncate"):
            refuse("", "neighbors", f"{self.neighbors!r} is neither 'strict' nor 'truncate'")


def neighbor_list(system: System, cutoff: float, limit: int, **options) -> Neighbors:
    """The neighbours of every atom of a checked system within `cutoff` (Å), at most `limit` of them.

    A neighbour at exactly the cutoff counts. Equal distances are ordered by number of image, then of atom. Virtual
    atoms (type -1) have no neighbours and are none. Options are the other fields of `Selection`; excluded pairs of
    types are erased after the truncation.

    Raises `TooManyNeighbors` if an atom has more than `limit` and the option neighbors="truncate" is not given,
    `InputError` if two atoms are at the same place or the cell is too thin for the cutoff.

    Source: sections 1.2 to 1.4 of the specification.

    >>> from dpa2.system import System, checked
    >>> dimer = checked(System([[0, 0, 0], [0, 0, 1.5]], ["H", "H"]), ("H",))
    >>> neighbor_list(dimer, cutoff=4.0, limit=10).index
    array([[1],
           [0]])
    """
    selection = Selection(cutoff, limit, **options)
    positions, _ = placed(system)
    images = Images.within(cutoff, system)
    pairs = search(positions, system, cutoff)
    return selected(measured(pairs, positions, images, cutoff), system.types, selection, system.name)


def counts_within(neighbors: Neighbors, cutoff: float, limit: int) -> Int[np.ndarray, "atom"]:
    """How many leading slots of each row a block with a shorter cutoff (Å) and a lower limit sees.

    Source: section 1.5 of the specification.
    """
    return np.minimum((neighbors.distance <= cutoff).sum(axis=1), limit)


def check_limits(neighbors: Neighbors, blocks, system: System, type_map=()):
    """Refuse a list of which a block would drop neighbours within its cutoff.

    blocks: (name, cutoff in Å, limit) of each block that cuts its list from `neighbors`.

    Raises `TooManyNeighbors` naming the block and the atom with the most neighbours.

    Source: section 1.5 of the specification.
    """
    for block, cutoff, limit in blocks:
        counts = (neighbors.distance <= cutoff).sum(axis=1)
        refuse_overflow(counts, Selection(cutoff, limit, type_map=type_map), system.types, system.name, block)


# From a system to candidate pairs


def placed(system: System):
    """Wrapped positions in Å, and the fractional ones that they come from (None without a cell)."""
    if system.cell is None:
        return system.coordinates, None
    places = fractional(system.coordinates, system.cell)
    return times(places, system.cell), places


def heights(cell: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "3"]:
    """Distances between opposite faces of the cell, Å."""
    normals = np.cross(cell[[1, 2, 0]], cell[[2, 0, 1]])
    return np.abs(np.linalg.det(cell)) / np.linalg.norm(normals, axis=1)


@dataclass(frozen=True, eq=False)
class Images:
    """The translations of a cell that a cutoff can reach, ordered by the norm of their three integers.

    reach: (3,), cells to either side. translation: (images, 3), Å.
    rank: (images,), the numbers of the images in lexicographic order of their integers.

    Source: section 1.3 of the specification.
    """

    reach: np.ndarray
    translation: np.ndarray
    rank: np.ndarray

    @classmethod
    def within(cls, cutoff: float, system: System) -> Images:
        """Those of a system for a cutoff in Å; a cluster has the one that does not move."""
        cell = np.zeros((3, 3)) if system.cell is None else system.cell
        reach = np.zeros(3) if system.cell is None else np.ceil(cutoff / heights(cell))
        count = np.prod(2 * reach + 1)
        if count > MOST_IMAGES:
            rule = f"so thin that a cutoff of {cutoff} Å reaches {count:.0f} of its images"
            refuse(system.name, "cell", f"the cell {cell.tolist()} is {rule}")
        reach = reach.astype(np.int64)
        integers = np.indices(tuple(2 * reach + 1)).reshape(3, -1).T - reach
        order = np.argsort((integers**2).sum(axis=1), kind="stable")
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = np.arange(len(order))
        return cls(reach, times(integers[order].astype(np.float64), cell), rank)

    def numbers(self, shift: Int[np.ndarray, "pair 3"]):
        """The number of the image at each translation, and whether it is one of these images at all."""
        reached = np.logical_and.reduce([np.abs(z) <= n for z, n in zip(shift.T, self.reach, strict=True)])
        place = np.ravel_multi_index(tuple((shift + self.reach).T), tuple(2 * self.reach + 1), mode="clip")
        return self.rank.take(place), reached


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
    flat or long. So a large cell is searched as if its parts lay on top of each other. Each pair finds back to its
    place in the cell; those of atoms in different parts are then far apart, and are left to whoever measures.
    """
    parts = np.maximum(heights(cell) // (20 * radius), 1)
    if parts.max() == 1:
        return vesin_pairs(positions, cell, radius)
    part = cell / parts[:, None]
    folded = wrapped(positions, part)
    center, neighbor, shift = vesin_pairs(folded, part, radius)
    moved = folded - positions
    back = times(shift.astype(np.float64), part) + moved.take(neighbor, axis=0) - moved.take(center, axis=0)
    return center, neighbor, np.rint(times(back, np.linalg.inv(cell))).astype(np.int32)


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


# From candidate pairs to a list


@dataclass(frozen=True, eq=False)
class Edges:
    """Pairs within the cutoff, centre by centre, with what `Neighbors` says about each: arrays of length P."""

    center: np.ndarray
    neighbor: np.ndarray
    extended: np.ndarray
    shift: np.ndarray | None
    vector: np.ndarray
    distance: np.ndarray


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


def norm(vector: Float[np.ndarray, "pair 3"]) -> Float[np.ndarray, "pair"]:
    x, y, z = vector.T
    return np.sqrt(x * x + y * y + z * z)


def selected(edges: Edges, types: Int[np.ndarray, "atom"], selection: Selection, name: str) -> Neighbors:
    """The list that a model works on."""
    refuse_coincidence(edges, name)
    rows = sorted_rows(edges, len(types))
    if selection.neighbors == "strict":
        refuse_overflow((rows >= 0).sum(axis=1), selection, types, name, "repinit")
    rows = rows[:, : selection.limit]
    if selection.excluded_pairs:
        rows = without_excluded(rows, edges, types, selection.excluded_pairs)
    return gathered(edges, rows)


def sorted_rows(edges: Edges, atoms: int) -> Int[np.ndarray, "atom neighbor"]:
    """Positions in `edges`, one row per atom, by distance and among equals by extended index; -1 on empty slots."""
    counts = np.bincount(edges.center, minlength=atoms)
    filled = np.arange(counts.max()) < counts[:, None]
    rows = np.full(filled.shape, -1)
    rows[filled] = np.arange(len(edges.center))
    distance = spread(edges.distance, rows, np.inf)
    order = np.argsort(distance, axis=1)
    distance = np.take_along_axis(distance, order, axis=1)
    rows = np.take_along_axis(rows, order, axis=1)
    equal = (distance[:, 1:] == distance[:, :-1]) & (distance[:, 1:] < np.inf)
    tied = np.flatnonzero(equal.any(axis=1))
    order = np.lexsort((spread(edges.extended, rows[tied], -1), distance[tied]), axis=1)
    rows[tied] = np.take_along_axis(rows[tied], order, axis=1)
    return rows


def without_excluded(rows, edges: Edges, types, pairs) -> Int[np.ndarray, "atom neighbor"]:
    """Rows without the neighbours whose type may not see the centre's, closed up."""
    excluded = np.zeros(2 * [1 + max(types.max(), max(map(max, pairs)))], dtype=bool)
    for t, u in pairs:
        excluded[t, u] = excluded[u, t] = True
    gone = excluded[types[edges.center], types[edges.neighbor]]
    rows = np.where(spread(gone, rows, True), -1, rows)
    return np.take_along_axis(rows, np.argsort(rows < 0, axis=1, kind="stable"), axis=1)


def gathered(edges: Edges, rows: Int[np.ndarray, "atom neighbor"]) -> Neighbors:
    """The edges at the given positions, row by row."""
    counts = (rows >= 0).sum(axis=1)
    rows = rows[:, : counts.max()]
    return Neighbors(
        index=spread(edges.neighbor, rows, -1),
        vector=spread(edges.vector, rows, 0.0),
        distance=spread(edges.distance, rows, np.inf),
        shift=None if edges.shift is None else spread(edges.shift, rows, 0),
        extended=spread(edges.extended, rows, -1),
        counts=counts,
    )


def spread(values: np.ndarray, rows: Int[np.ndarray, "atom neighbor"], empty) -> np.ndarray:
    """values[rows], and `empty` on empty slots."""
    last = np.full((1, *values.shape[1:]), empty, dtype=values.dtype)
    return np.concatenate([values, last]).take(rows, axis=0)


def refuse_coincidence(edges: Edges, name: str):
    """Two atoms at one place have no energy."""
    same = np.flatnonzero(edges.distance == 0.0)
    if len(same) == 0:
        return
    atom, other = int(edges.center[same[0]]), int(edges.neighbor[same[0]])
    shift = (0, 0, 0) if edges.shift is None else tuple(edges.shift[same[0]].tolist())
    image = f" (its image {shift})" if any(shift) else ""
    what = f"atoms {atom} and {other}{image} are at the same place"
    refuse(name, "coordinates", what, atom=atom, other=other)


def refuse_overflow(counts, selection: Selection, types, name: str, block: str):
    """Name the atom with the most neighbours, if these are more than the block holds."""
    atom = int(np.argmax(counts))
    count, limit, cutoff = int(counts[atom]), selection.limit, selection.cutoff
    if count <= limit:
        return
    kind = int(types[atom])
    symbol = selection.type_map[kind] if kind < len(selection.type_map) else f"type {kind}"
    raise TooManyNeighbors(
        f"atom {atom} ({symbol}){f' of {name}' if name else ''} has {count} neighbours within {cutoff} Å, "
        f"the model's {block} holds {limit}. Use a model with a larger max_neighbors there, or pass "
        f"neighbors='truncate' to keep the nearest {limit}: the energy then jumps where a neighbour enters or leaves.",
        atom=atom,
        type=kind,
        system=name,
        count=count,
        limit=limit,
        cutoff=cutoff,
        block=block,
    )


# Lists that are not searched for


class SkinList:
    """`neighbor_list` for a system that moves little at a time: candidates are kept until an atom has moved skin / 2.

    skin: Å. Other arguments, results and errors are those of `neighbor_list`, to the last bit.

    >>> from dpa2.system import System, checked
    >>> nearby = SkinList(cutoff=4.0, limit=10, skin=1.0)
    >>> for z in (1.5, 1.6):
    ...     print(nearby.update(checked(System([[0, 0, 0], [0, 0, z]], ["H", "H"]), ("H",))).distance[0])
    [1.5]
    [1.6]
    """

    def __init__(self, cutoff: float, limit: int, skin: float, **options):
        self.selection = Selection(cutoff, limit, **options)
        self.skin = skin
        self.last: Search | None = None

    def update(self, system: System) -> Neighbors:
        """The neighbours of a checked system."""
        cutoff = self.selection.cutoff
        positions, places = placed(system)
        if self.last is None or not self.last.serves(system, positions, places, self.skin / 2):
            pairs = search(positions, system, cutoff + self.skin)
            self.last = Search(system, positions, places, Images.within(cutoff, system), pairs)
        edges = measured(self.last.moved(places), positions, self.last.images, cutoff)
        return selected(edges, system.types, self.selection, system.name)


@dataclass(frozen=True, eq=False)
class Search:
    """What a search was made for (the system, its wrapped positions in Å, its fractional ones) and what it found."""

    system: System
    positions: np.ndarray
    places: np.ndarray | None
    images: Images
    pairs: Pairs

    def serves(self, system: System, positions, places, farthest: float) -> bool:
        """Whether it is still the same system, and no atom has moved more than `farthest` Å."""
        if not (np.array_equal(self.system.types, system.types) and same_cell(self.system.cell, system.cell)):
            return False
        moved = positions - self.positions
        if places is not None:
            step = places - self.places
            moved = times(step - np.rint(step), system.cell)
        return bool(norm(moved).max() <= farthest)

    def moved(self, places) -> Pairs:
        """The candidates with the translations that they have after atoms have crossed the faces of the cell."""
        crossed = np.zeros(1) if places is None else np.rint(places - self.places).astype(np.int32)
        if not crossed.any():
            return self.pairs
        center, neighbor = self.pairs.center, self.pairs.neighbor
        return Pairs(center, neighbor, self.pairs.shift + crossed[center] - crossed[neighbor])


def same_cell(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    return one is other or (one is not None and other is not None and np.array_equal(one, other))


def from_list(
    coordinates_ext, types_ext, nlist, mapping, n_local: int, cutoff: float, limit: int, *, name: str = "", **options
) -> Neighbors:
    """Neighbours from a list made elsewhere, over atoms and their images.

    coordinates_ext: (M, 3), Å, the `n_local` atoms first, then images. types_ext: (M,) indices.
    nlist: (n_local, any width) indices into these, in any order; negative on empty slots; may reach beyond the cutoff.
    mapping: (M,), atom of which each is an image. name: what errors call the system. Options as in `neighbor_list`.

    Raises `InputError` if these do not fit together, otherwise as `neighbor_list`.

    Source: section 1.4 of the specification, last item.

    >>> from_list([[0, 0, 0], [0, 0, 1.5]], [0, 0], [[1, -1], [-1, 0]], [0, 1], 2, cutoff=4.0, limit=10).index
    array([[1],
           [0]])
    """
    selection = Selection(cutoff, limit, **options)
    coordinates = host_array(coordinates_ext, "coordinates_ext", name).astype(np.float64)
    if coordinates.ndim != 2 or coordinates.shape[1] != 3 or not 0 < n_local <= len(coordinates):
        refuse(name, "coordinates_ext", f"have shape {coordinates.shape}; (M, 3) with M >= {n_local} > 0 is wanted")
    if not np.isfinite(coordinates).all():
        refuse(name, "coordinates_ext", "are not all finite")
    images = len(coordinates)
    types = indices(types_ext, "types_ext", (images,), None, name)
    mapping = indices(mapping, "mapping", (images,), n_local, name)
    if (mapping < 0).any() or (mapping[:n_local] != np.arange(n_local)).any() or (types != types[mapping]).any():
        refuse(name, "mapping", "must take every atom to itself and every image to an atom of its type")
    nlist = indices(nlist, "nlist", (n_local, None), images, name)
    return selected(listed(nlist, coordinates, types, mapping, cutoff, name), types[:n_local], selection, name)


def indices(value, argument: str, shape: tuple, end: int | None, name: str) -> np.ndarray:
    """Integers of the given shape (None: any length), below `end`."""
    array = host_array(value, argument, name)
    fits = array.ndim == len(shape) and all(n in (None, m) for n, m in zip(shape, array.shape, strict=True))
    if array.dtype.kind not in "iu" or not fits:
        refuse(name, argument, f"is {array.dtype} of shape {array.shape}; integers of shape {shape} are wanted")
    if end is not None and array.size and array.max() >= end:
        refuse(name, argument, f"holds {array.max()}; indices below {end} are wanted")
    return array.astype(np.int64)


def listed(nlist, coordinates, types, mapping, cutoff: float, name: str) -> Edges:
    """The pairs of a list from outside that are real and within the cutoff."""
    center, slot = np.nonzero(nlist >= 0)
    extended = nlist[center, slot]
    if len(np.unique(center * len(coordinates) + extended)) < len(center):
        refuse(name, "nlist", "names a neighbour of an atom twice")
    vector = coordinates[extended] - coordinates[center]
    distance = norm(vector)
    near = (distance <= cutoff) & (types[extended] >= 0) & (types[center] >= 0)
    center, extended = center[near], extended[near]
    return Edges(center, mapping[extended], extended, None, vector[near], distance[near])
