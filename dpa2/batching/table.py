"""One table of the atoms of all systems and of their neighbours, on the host (specification 1.5 and 9)."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from ..config import DPA2Config
from ..neighbors import Neighbors, counts_within
from ..nn.arrays import Float, Int
from .widths import rounded_up

FAR = 2.0  # length of the vector in an empty slot, in units of repinit's cutoff, so that every switch is 0 there


@dataclass(frozen=True)
class Cutoffs:
    """Cutoff (Å) and max_neighbors of each of a descriptor's lists, its excluded pairs and its number of types."""

    repinit: tuple[float, int]
    three_body: tuple[float, int] | None
    repformer: tuple[float, int]
    excluded_pairs: tuple[tuple[int, int], ...]
    types: int

    @classmethod
    def of(cls, config: DPA2Config) -> Cutoffs:
        """The cutoffs of the model that `config` describes."""
        three = config.three_body
        return cls(
            (config.repinit.cutoff, config.repinit.max_neighbors),
            (three.cutoff, three.max_neighbors) if three else None,
            (config.repformer.cutoff, config.repformer.max_neighbors),
            config.excluded_pairs,
            len(config.types),
        )

    @property
    def far(self) -> Float[np.ndarray, "3"]:
        """The vector of a slot without a neighbour."""
        return np.array([FAR * self.repinit[0], 0.0, 0.0])

    @property
    def lists(self) -> dict[str, tuple[float, int]]:
        """Cutoff and max_neighbors of each list by name; cutoff 0 for an absent three-body block."""
        absent = (0.0, 1)
        return {"repinit": self.repinit, "three_body": self.three_body or absent, "repformer": self.repformer}


@dataclass(frozen=True)
class Others:
    """The atoms of one system that other processes own.

    types: of those that own atoms have as neighbours (remote atoms), which its list numbers behind own ones. first: the
    type of the first atom of the whole system.
    """

    types: Int[np.ndarray, "remote"]
    first: int


@dataclass(frozen=True)
class Table:
    """Rows of atoms, and their neighbours as rows of other atoms, nearest first; rows of remote atoms are behind all.

    `used` is 1 where a slot holds a neighbour that is not excluded. Other slots hold `far` vectors and the `filler`,
    the type of the system's first atom. `counts` has for each list the number of slots that hold any neighbour.
    """

    types: Int[np.ndarray, "row"]
    filler: Int[np.ndarray, "row"]
    system: Int[np.ndarray, "row"]
    near: Int[np.ndarray, "row slot"]
    near_types: Int[np.ndarray, "row slot"]
    vectors: Float[np.ndarray, "row slot 3"]
    used: Float[np.ndarray, "row slot"]
    counts: dict[str, Int[np.ndarray, "row"]]
    remote: int = 0

    def rows(self, index: Int[np.ndarray, "row"]) -> dict:
        """The fields of some rows."""
        fixed = "counts", "remote"
        rows = {f.name: getattr(self, f.name)[index] for f in dataclasses.fields(self) if f.name not in fixed}
        return rows | {"remote": self.remote}

    def take(self, order: Int[np.ndarray, "row"]) -> Table:
        """The table whose row k is row order[k] of this one, with neighbours renumbered accordingly."""
        rank = np.arange(len(order) + self.remote)
        rank[order] = np.arange(len(order))
        rows = self.rows(order)
        counts = {name: count[order] for name, count in self.counts.items()}
        return Table(**rows | {"near": rank[rows["near"]]}, counts=counts)

    def widened(self, width: int, far: Float[np.ndarray, "3"]) -> Table:
        """The table with empty slots added at the end of each row, up to `width`."""
        extra = width - self.near.shape[1]
        if extra <= 0:
            return self
        near = np.pad(self.near, ((0, 0), (0, extra)))
        types = np.concatenate([self.near_types, np.repeat(self.filler[:, None], extra, axis=1)], axis=1)
        vectors = np.concatenate([self.vectors, np.broadcast_to(far, (len(near), extra, 3))], axis=1)
        used = np.pad(self.used, ((0, 0), (0, extra)))
        return dataclasses.replace(self, near=near, near_types=types, vectors=vectors, used=used)

    def padded(self, extra: int, far: Float[np.ndarray, "3"]) -> Table:
        """The table with `extra` rows added at the end, copies of the first one without neighbours."""
        if not extra:
            return self
        index = np.concatenate([np.arange(len(self.types)), np.zeros(extra, dtype=int)])
        rows = self.rows(index)
        rows["near"] = behind(rows["near"], len(self.types), extra)
        last = slice(len(self.types), None)
        rows["vectors"][last], rows["used"][last] = far, 0.0
        counts = {name: np.append(count, np.zeros(extra, count.dtype)) for name, count in self.counts.items()}
        return Table(**rows, counts=counts)


def behind(near: Int[np.ndarray, "*axes"], rows: int, extra: int) -> Int[np.ndarray, "*axes"]:
    """Rows of neighbours where `extra` rows come between `rows` own ones and the remote ones."""
    return near + extra * (near >= rows)


def lay_end_to_end(
    types: Sequence[np.ndarray],
    lists: Sequence[Neighbors],
    cutoffs: Cutoffs,
    step: int,
    others: Others | None = None,
) -> Table:
    """The table of all systems, as wide as its widest atom needs, rounded up to a multiple of `step`.

    others: atoms of one system that other processes own.
    """
    sizes = [len(t) for t in types]
    starts = np.cumsum([0, *sizes])
    width = rounded_up(max(n.index.shape[1] for n in lists), step, cutoffs.repinit[1])
    own, filler = np.concatenate(types), np.repeat([t[0] if others is None else others.first for t in types], sizes)
    remote = own[:0] if others is None else others.types
    near = np.full((starts[-1], width), -1)
    vectors = np.empty((starts[-1], width, 3))
    for start, n in zip(starts, lists, strict=False):
        here = slice(start, start + len(n.index)), slice(0, n.index.shape[1])
        near[here] = np.where(n.index >= 0, n.index + start, -1)
        vectors[here] = n.vector
    near_types = np.concatenate([own, remote])[near]
    used = (near >= 0) & allowed(cutoffs.types, cutoffs.excluded_pairs)[own[:, None], near_types]
    vectors[~used] = cutoffs.far
    return Table(
        types=own,
        filler=filler,
        system=np.repeat(np.arange(len(types)), sizes),
        near=np.maximum(near, 0),
        near_types=np.where(used, near_types, filler[:, None]),
        vectors=vectors,
        used=used.astype(float),
        counts={name: count_all(lists, *limits) for name, limits in cutoffs.lists.items()},
        remote=len(remote),
    )


def count_all(lists: Sequence[Neighbors], cutoff: float, max_neighbors: int) -> Int[np.ndarray, "row"]:
    """The number of neighbours of each atom within a list's cutoff, at most max_neighbors."""
    return np.concatenate([counts_within(n, cutoff, max_neighbors) for n in lists])


def allowed(types: int, excluded: Collection[tuple[int, int]]) -> np.ndarray:
    """A matrix that is False for the excluded pairs of types; the last row and column are virtual atoms."""
    matrix = np.ones((types + 1, types + 1), dtype=bool)
    for a, b in excluded:
        matrix[a, b] = matrix[b, a] = False
    return matrix
