"""How atoms are cut into chunks, on the host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from sys import maxsize

import numpy as np

from ..descriptor.chunk import Chunk
from ..neighbors import Neighbors
from ..nn.arrays import Float, Int
from .table import Cutoffs, Table, lay_end_to_end
from .widths import Lasting, round_up, rounded

LISTS = ("repinit", "three_body", "repformer")
SHARES = 24  # chunks, below which they do not grow


@dataclass(frozen=True)
class Shape:
    """What chunks look like.

    size: atoms in each; of many atoms more, up to `largest` if that is given; with `least`, equally many in each, and
    of few atoms less, down to that. step: widths are multiples of it.
    uniform: lists in which all chunks are equally wide. filled: the last chunk has as many rows as the others.
    ordered: atoms are sorted by their number of neighbours. lasting: the memory of widths that are to change seldom.
    """

    size: int
    step: int = 1
    uniform: tuple[str, ...] = ()
    filled: bool = False
    ordered: bool = True
    lasting: Lasting | None = None
    largest: int | None = None
    least: int | None = None

    def atoms_in_chunk(self, atoms: int) -> int:
        """How many of so many atoms are worked on together: of many, more, since each chunk has a price."""
        most = self.size if self.largest is None else min(self.largest, max(self.size, atoms // SHARES))
        return most if self.least is None else max(self.least, round_up(-(-atoms // -(-atoms // most))))

    def of_size(self, size: int) -> Shape:
        """Return chunks of just so many atoms."""
        return replace(self, size=size, largest=None)

    def doubled(self) -> Shape:
        """Chunks of twice as many atoms."""
        return replace(self, size=2 * self.size, largest=self.largest and 2 * self.largest)


@dataclass(frozen=True)
class Plan:
    """Chunks ready to run, and the way back: row k of the chunks is atom `order[k]`, of system `system[k]`.

    Rows from `atoms` on only fill up the last chunk.
    """

    chunks: tuple[Chunk, ...]
    order: Int[np.ndarray, "row"]
    system: Int[np.ndarray, "row"]
    atoms: int
    systems: int
    cutoffs: Cutoffs

    @property
    def present(self) -> Float[np.ndarray, "row"]:
        """1 for atoms, 0 for rows that only fill up."""
        return (np.arange(len(self.order)) < self.atoms).astype(float)

    def cut(self, rows: np.ndarray) -> list[np.ndarray]:
        """The rows of each chunk."""
        return np.split(rows, np.cumsum([len(b.types) for b in self.chunks])[:-1])

    @property
    def inverse(self) -> Int[np.ndarray, "atom"]:
        """The row of every atom, systems end to end."""
        return np.argsort(self.order[: self.atoms])


def plan(types: Sequence[np.ndarray], lists: Sequence[Neighbors], cutoffs: Cutoffs, shape: Shape) -> Plan:
    """Cut the atoms of all systems into chunks; types below 0 must be replaced already."""
    table = lay_end_to_end(types, lists, cutoffs, shape.step)
    atoms = len(table.types)
    order = np.arange(atoms)
    if shape.ordered:
        order = np.lexsort((table.counts["repinit"], table.counts["repformer"]))
        table = table.take(order)
    shape = replace(shape, size=shape.atoms_in_chunk(atoms))
    extra = -atoms % shape.size if shape.filled else 0
    table = table.padded(extra, cutoffs.far)
    order = np.append(order, np.repeat(order[:1], extra))
    return Plan(tuple(cut(table, shape, cutoffs)), order, table.system, atoms, len(types), cutoffs)


def cut(table: Table, shape: Shape, cutoffs: Cutoffs):
    """Chunks of rows, each as wide as its widest atom."""
    spans = [slice(k, k + shape.size) for k in range(0, len(table.types), shape.size)]
    widths = {n: chunk_widths(n, table.counts[n], spans, shape, most) for n, (_, most) in cutoffs.lists.items()}
    wide = [max(needs) for needs in zip(*widths.values(), strict=True)]  # the other lists are its leading columns
    table = table.widened(max(wide), cutoffs.far)
    incoming, arriving, arrivals = incoming_edges(table, spans, widths["repformer"], shape)
    for k, span in enumerate(spans):
        columns = slice(0, wide[k])
        yield Chunk(
            types=table.types[span],
            filler=table.filler[span],
            near=table.near[span, columns],
            near_types=table.near_types[span, columns],
            vectors=table.vectors[span, columns],
            used=table.used[span, columns],
            repinit_count=table.counts["repinit"][span],
            three_body_count=table.counts["three_body"][span],
            repformer_count=table.counts["repformer"][span],
            incoming=incoming[span, : arrivals[k]],
            arriving=arriving[span, : arrivals[k]],
            three_body_width=widths["three_body"][k],
            repformer_width=widths["repformer"][k],
        )


def chunk_widths(name: str, counts: Int[np.ndarray, "row"], spans, shape: Shape, most: int = maxsize) -> list[int]:
    """The widest atom of each chunk, or of all where they are uniform."""
    widest = [int(counts[span].max()) for span in spans]
    if name in shape.uniform:
        widest = [max(widest)] * len(widest)
    if shape.lasting is not None:
        return shape.lasting.settle(name, widest, shape.step, most)
    return [rounded(w, shape.step, most) for w in widest]


def incoming_edges(table: Table, spans, widths, shape: Shape):
    """For each row, the positions of the repformer's edges that lead to it, 1 for each, and how many chunks need."""
    positions, targets, base = [], [], 0
    for span, width in zip(spans, widths, strict=True):
        used = (table.used[span, :width] > 0) & (np.arange(width) < table.counts["repformer"][span, None])
        positions.append(base + np.flatnonzero(used))
        targets.append(table.near[span, :width][used])
        base += used.size
    position, target = np.concatenate(positions), np.concatenate(targets)
    order = np.argsort(target, kind="stable")
    count = np.bincount(target, minlength=len(table.types))
    slot = np.arange(len(target)) - np.repeat(np.cumsum(count) - count, count)
    arrivals = chunk_widths("incoming", count, spans, shape)
    incoming = np.zeros((len(count), max(arrivals)), dtype=np.int64)
    incoming[target[order], slot] = position[order]
    return incoming, (np.arange(incoming.shape[1]) < count[:, None]).astype(float), arrivals
