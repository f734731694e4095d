"""A neighbour list, and its construction from pairs of atoms within the cutoff.

Pairs are sorted by distance, truncated, and excluded pairs are left out, in this order. A search, a search that is kept
while atoms move and a list of another program all end here, so that they agree to the last bit.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import TooManyNeighbors
from ..nn.arrays import Float, Int
from ..structures.system import System, refuse

# Å; below, powers of 1/r overflow in float32, and forces would be NaN.
CLOSEST = 1e-6
UNLIMITED = sys.maxsize  # max_neighbors of a list that is not cut


@dataclass(frozen=True, eq=False, repr=False)
class Neighbors:
    """The neighbours of every atom of one system, nearest first; rows are as wide as the widest atom needs.

    index: (N, W), atom of which the neighbour is, or is an image; -1 on empty slots.
    vector: (N, W, 3), neighbour minus centre, Å; 0 on empty slots.
    distance: (N, W), Å; infinite on empty slots.
    shift: (N, W, 3), the lattice translation that takes the wrapped atom to the neighbour; None for a list from
        outside, whose images are known by position only.
    extended: (N, W), number of the neighbour among all images, image * N + atom; -1 on empty slots.
    counts: (N,), occupied slots.
    total: (N,), neighbours within the cutoff before the list was truncated and excluded pairs were left out.

    Source: sections 1.3 and 1.4 of the specification.
    """

    index: Int[np.ndarray, "atom neighbor"]
    vector: Float[np.ndarray, "atom neighbor 3"]
    distance: Float[np.ndarray, "atom neighbor"]
    shift: Int[np.ndarray, "atom neighbor 3"] | None
    extended: Int[np.ndarray, "atom neighbor"]
    counts: Int[np.ndarray, "atom"]
    total: Int[np.ndarray, "atom"]

    def __repr__(self) -> str:
        atoms, width = self.index.shape
        return f"Neighbors(of {atoms} atoms, at most {width} each)"


@dataclass(frozen=True)
class Selection:
    """The choice of neighbours of a model: the nearest `max_neighbors` within the cutoff, without excluded pairs.

    neighbors: "strict" refuses an atom with more than `max_neighbors`, "truncate" drops the farthest.
    type_map: names of the types, for errors.
    """

    cutoff: float
    max_neighbors: int
    excluded_pairs: Collection[tuple[int, int]] = ()
    neighbors: str = "strict"
    type_map: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.neighbors not in ("strict", "truncate"):
            refuse("", "neighbors", f"{self.neighbors!r} is neither 'strict' nor 'truncate'")


def counts_within(neighbors: Neighbors, cutoff: float, max_neighbors: int) -> Int[np.ndarray, "atom"]:
    """The number of leading slots of each row that belong to a block with a shorter cutoff (Å) and its max_neighbors.

    Source: section 1.5 of the specification.
    """
    return np.minimum((neighbors.distance <= cutoff).sum(axis=1), max_neighbors)


def check_max_neighbors(
    neighbors: Neighbors, blocks: Iterable[tuple[str, float, int]], system: System, type_map: Sequence[str] = ()
) -> None:
    """Raise an error if a block would drop neighbours within its cutoff.

    blocks: (name, cutoff in Å, max_neighbors) of each block that cuts its list from `neighbors`.

    Raises `TooManyNeighbors` naming the block and the atom with the most neighbours.

    Source: section 1.5 of the specification.
    """
    for block, cutoff, max_neighbors in blocks:
        counts = (neighbors.distance <= cutoff).sum(axis=1)
        refuse_too_many(counts, Selection(cutoff, max_neighbors, type_map=type_map), system.types, system.name, block)


@dataclass(frozen=True, eq=False)
class Edges:
    """P pairs of atoms within the cutoff, centre by centre; fields as in `Neighbors`, of length P."""

    center: np.ndarray
    neighbor: np.ndarray
    extended: np.ndarray
    shift: np.ndarray | None
    vector: np.ndarray
    distance: np.ndarray

    def at(self, rows: Int[np.ndarray, "pair"]) -> Edges:
        """The pairs at some positions."""
        shift = None if self.shift is None else self.shift.take(rows, axis=0)
        center, neighbor, extended, vector, distance = (
            column.take(rows, axis=0)
            for column in (self.center, self.neighbor, self.extended, self.vector, self.distance)
        )
        return Edges(center, neighbor, extended, shift, vector, distance)


def norm(vector: Float[np.ndarray, "pair 3"]) -> Float[np.ndarray, "pair"]:
    """Lengths of vectors, in one order of operations, so that a pair's length does not depend on the other pairs."""
    x, y, z = vector.T
    return np.sqrt(x * x + y * y + z * z)


def selected(edges: Edges, types: Int[np.ndarray, "atom"], selection: Selection, name: str) -> Neighbors:
    """The neighbour list of a model, from all pairs within its cutoff."""
    refuse_coincidence(edges, name)
    rows = sorted_rows(edges, len(types))
    total = (rows >= 0).sum(axis=1)
    if selection.neighbors == "strict":
        refuse_too_many(total, selection, types, name, "repinit")
    rows = rows[:, : selection.max_neighbors]
    if selection.excluded_pairs:
        rows = without_excluded(rows, edges, types, selection.excluded_pairs)
    return gathered(edges, rows, total)


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


def without_excluded(
    rows: Int[np.ndarray, "atom neighbor"],
    edges: Edges,
    types: Int[np.ndarray, "atom"],
    pairs: Collection[tuple[int, int]],
) -> Int[np.ndarray, "atom neighbor"]:
    """Rows without the excluded pairs of types; empty slots are moved to the end."""
    excluded = np.zeros(2 * [1 + max(types.max(), max(map(max, pairs)))], dtype=bool)
    for t, u in pairs:
        excluded[t, u] = excluded[u, t] = True
    gone = excluded[types[edges.center], types[edges.neighbor]]
    rows = np.where(spread(gone, rows, True), -1, rows)
    return np.take_along_axis(rows, np.argsort(rows < 0, axis=1, kind="stable"), axis=1)


def narrowed(found: Neighbors, types: Int[np.ndarray, "atom"], selection: Selection, name: str = "") -> Neighbors:
    """The neighbour list of a model, from that of all neighbours within its cutoff; equal to a new search to the bit.

    found: a list that is not truncated and has excluded pairs, too. Raises the errors of `selected`.
    """
    if selection.neighbors == "strict":
        refuse_too_many(found.total, selection, types, name, "repinit")
    if found.index.shape[1] <= selection.max_neighbors and not selection.excluded_pairs:
        return found
    edges = Edges(
        center=np.repeat(np.arange(len(found.index)), found.index.shape[1]),
        neighbor=found.index.reshape(-1),
        extended=found.extended.reshape(-1),
        shift=None if found.shift is None else found.shift.reshape(-1, 3),
        vector=found.vector.reshape(-1, 3),
        distance=found.distance.reshape(-1),
    )
    places = np.arange(found.index.size).reshape(found.index.shape)
    rows = np.where(found.index >= 0, places, -1)[:, : selection.max_neighbors]
    if selection.excluded_pairs:
        rows = without_excluded(rows, edges, types, selection.excluded_pairs)
    return gathered(edges, rows, found.total)


def gathered(edges: Edges, rows: Int[np.ndarray, "atom neighbor"], total: Int[np.ndarray, "atom"]) -> Neighbors:
    """The edges at the given positions, row by row; total: how many each atom had before some were left out."""
    counts = (rows >= 0).sum(axis=1)
    rows = rows[:, : counts.max()]
    return Neighbors(
        index=spread(edges.neighbor, rows, -1),
        vector=spread(edges.vector, rows, 0.0),
        distance=spread(edges.distance, rows, np.inf),
        shift=None if edges.shift is None else spread(edges.shift, rows, 0),
        extended=spread(edges.extended, rows, -1),
        counts=counts,
        total=total,
    )


def spread(values: np.ndarray, rows: Int[np.ndarray, "row slot"], empty: float | int) -> np.ndarray:
    """values[rows], and `empty` on empty slots."""
    last = np.full((1, *values.shape[1:]), empty, dtype=values.dtype)
    return np.concatenate([values, last]).take(rows, axis=0)


def refuse_coincidence(edges: Edges, name: str) -> None:
    """Raise an `InputError` if two atoms are at the same place or almost so, where numbers mean nothing."""
    same = np.flatnonzero(edges.distance < CLOSEST)
    if len(same) == 0:
        return
    atom, other = int(edges.center[same[0]]), int(edges.neighbor[same[0]])
    shift = (0, 0, 0) if edges.shift is None else tuple(edges.shift[same[0]].tolist())
    image = f" (its image {shift})" if any(shift) else ""
    distance = float(edges.distance[same[0]])
    apart = f"{distance:.3g} Å apart, less than the {CLOSEST} Å below which energies mean nothing"
    what = f"atoms {atom} and {other}{image} are {apart if distance else 'at the same place'}"
    refuse(name, "coordinates", what, atom=atom, other=other, distance=distance, limit=CLOSEST)


def refuse_too_many(
    counts: Int[np.ndarray, "atom"], selection: Selection, types: Int[np.ndarray, "atom"], name: str, block: str
) -> None:
    """Raise `TooManyNeighbors` for the atom with the most neighbours, if these are more than the block holds."""
    atom = int(np.argmax(counts))
    count, max_neighbors, cutoff = int(counts[atom]), selection.max_neighbors, selection.cutoff
    if count <= max_neighbors:
        return
    kind = int(types[atom])
    symbol = selection.type_map[kind] if kind < len(selection.type_map) else f"type {kind}"
    raise TooManyNeighbors(
        f"atom {atom} ({symbol}){f' of {name}' if name else ''} has {count} neighbours within {cutoff} Å, "
        f"the model's {block} holds {max_neighbors}. Use a model with a larger max_neighbors there, or pass "
        f"`neighbors='truncate'` to keep the nearest {max_neighbors}: "
        "the energy then jumps where a neighbour enters or leaves.",
        atom=atom,
        type=kind,
        system=name,
        count=count,
        limit=max_neighbors,
        cutoff=cutoff,
        block=block,
    )
