"""The division of atoms into chunks, on the host."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil, log2
from sys import maxsize

import numpy as np

from ..descriptor.chunk import Chunk
from ..neighbors import Neighbors
from ..nn.arrays import Float, Int
from .table import Cutoffs, Others, Table, lay_end_to_end
from .widths import AgreedWidths, GrowingWidths, KnownWidths, WidthCache, coarse, rounded_up

LISTS = ("repinit", "three_body", "repformer")
STEP_OF_REMOTE = 16  # widths of the edges that lead to remote atoms are multiples of it; their sums cost little
MIN_CHUNKS = 24  # make chunks larger only where there are at least this many


@dataclass(frozen=True)
class ChunkShape:
    """The size and the padding of chunks.

    size: atoms in each chunk. max_size: where there are many atoms, chunks grow up to this size. min_size: where there
    are few atoms, chunks are divided evenly and shrink down to this size. step: widths are multiples of it.
    uniform: lists in which all chunks are equally wide. filled: the last chunk is padded to the size of the others.
    ordered: atoms are sorted by their number of neighbours. width_cache: widths to be used again, or known ones.
    """

    size: int
    step: int = 1
    uniform: tuple[str, ...] = ()
    filled: bool = False
    ordered: bool = True
    width_cache: WidthCache | GrowingWidths | KnownWidths | AgreedWidths | None = None
    max_size: int | None = None
    min_size: int | None = None

    def atoms_in_chunk(self, atoms: int) -> int:
        """The size of chunks for a number of atoms; larger for many atoms, since each chunk has a fixed cost."""
        most = self.size if self.max_size is None else min(self.max_size, max(self.size, atoms // MIN_CHUNKS))
        return most if self.min_size is None else max(self.min_size, coarse(-(-atoms // -(-atoms // most))))

    def of_size(self, size: int) -> ChunkShape:
        """The same shape with `size` atoms in each chunk, however many there are."""
        return replace(self, size=size, max_size=None)

    def agreed(self, largest: Callable[[Sequence[int]], list[int]]) -> ChunkShape:
        """The same shape, with widths that processes agree on; largest: as for `AgreedWidths`."""
        cache = self.width_cache
        return replace(self, width_cache=AgreedWidths(cache, largest)) if isinstance(cache, WidthCache) else self

    def doubled(self) -> ChunkShape:
        """The same shape with twice as many atoms in each chunk."""
        return replace(self, size=2 * self.size, max_size=self.max_size and 2 * self.max_size)


@dataclass(frozen=True)
class Arrivals:
    """The edges that lead to some atoms: their positions among the repformer's edges of all chunks, end to end.

    mask: 1 where a slot of `positions` holds an edge.
    """

    positions: Int[np.ndarray, "atom edge"]
    mask: Float[np.ndarray, "atom edge"]


@dataclass(frozen=True)
class Plan:
    """Chunks on the host, and the origin of their rows: row k of all chunks is atom `order[k]`, of system `system[k]`.

    Rows from `atoms` on are padding of the last chunk. remote: the edges that lead to the remote atoms, whose rows
    follow behind all others.
    """

    chunks: tuple[Chunk, ...]
    order: Int[np.ndarray, "row"]
    system: Int[np.ndarray, "row"]
    atoms: int
    systems: int
    cutoffs: Cutoffs
    remote: Arrivals

    @property
    def present(self) -> Float[np.ndarray, "row"]:
        """1 for atoms, 0 for rows that are padding."""
        return (np.arange(len(self.order)) < self.atoms).astype(float)

    def cut(self, rows: np.ndarray) -> list[np.ndarray]:
        """An array of all rows as one array for each chunk."""
        return np.split(rows, np.cumsum([len(b.types) for b in self.chunks])[:-1])

    @property
    def inverse(self) -> Int[np.ndarray, "atom"]:
        """The row of every atom, systems end to end."""
        return np.argsort(self.order[: self.atoms])


def plan(
    types: Sequence[np.ndarray],
    lists: Sequence[Neighbors],
    cutoffs: Cutoffs,
    shape: ChunkShape,
    others: Others | None = None,
) -> Plan:
    """The chunks of the atoms of all systems; types below 0 must be replaced already.

    others: atoms of one system that other processes own.
    """
    table = lay_end_to_end(types, lists, cutoffs, shape.step, others)
    atoms = len(table.types)
    order = np.arange(atoms)
    if shape.ordered:
        order = np.lexsort((table.counts["repinit"], table.counts["repformer"]))
        table = table.take(order)
    shape = replace(shape, size=shape.atoms_in_chunk(atoms))
    extra = -atoms % shape.size if shape.filled else 0
    table = table.padded(extra, cutoffs.far)
    order = np.append(order, np.repeat(order[:1], extra))
    rows = len(table.types)
    spans = [slice(k, min(k + shape.size, rows)) for k in range(0, rows, shape.size)]
    widths = widths_of_lists(table, spans, shape, cutoffs)
    table = table.widened(max(map(max, widths.values())), cutoffs.far)
    own, remote = arrivals(table, spans, widths["repformer"], shape)
    chunks = tuple(made_chunks(table, spans, widths, own))
    return Plan(chunks, order, table.system, atoms, len(types), cutoffs, remote)


def widths_of_lists(table: Table, spans: Sequence[slice], shape: ChunkShape, cutoffs: Cutoffs) -> dict[str, list[int]]:
    """The widths of the chunks of each list."""
    widths = {n: chunk_widths(n, table.counts[n], spans, shape, most) for n, (_, most) in cutoffs.lists.items()}
    widths["three_body"] = three_body_widths(table.counts["three_body"], spans, widths, shape, cutoffs)
    return widths


def made_chunks(
    table: Table, spans: Sequence[slice], widths: dict[str, list[int]], incoming: Sequence[Arrivals]
) -> Iterator[Chunk]:
    """Chunks of rows, each as wide as its widest atom."""
    wide = [max(needs) for needs in zip(*widths.values(), strict=True)]  # the other lists are its leading columns
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
            incoming=incoming[k].positions,
            arriving=incoming[k].mask,
            three_body_width=widths["three_body"][k],
            repformer_width=widths["repformer"][k],
        )


def chunk_widths(
    name: str, counts: Int[np.ndarray, "row"], spans: Sequence[slice], shape: ChunkShape, most: int = maxsize
) -> list[int]:
    """The width of each chunk: that of its widest atom, or of the widest of all where they are uniform; padded."""
    widest = [int(counts[span].max()) for span in spans]
    if name in shape.uniform:
        widest = [max(widest)] * len(widest)
    if shape.width_cache is not None:
        return shape.width_cache.widths_for(name, widest, shape.step, most)
    return [rounded_up(w, shape.step, most) for w in widest]


def three_body_widths(
    counts: Int[np.ndarray, "row"],
    spans: Sequence[slice],
    widths: dict[str, list[int]],
    shape: ChunkShape,
    cutoffs: Cutoffs,
) -> list[int]:
    """The widths of the three-body lists; where shapes have become many, those of the repformer's that pad little."""
    if shape.width_cache is None or not shape.width_cache.crowded:
        return widths["three_body"]
    most = cutoffs.lists["three_body"][1]
    needed = (int(counts[span].max()) for span in spans)
    lists = zip(needed, widths["three_body"], widths["repformer"], strict=True)
    return [other if need <= other <= min(2 * own, most) else own for need, own, other in lists]


def arrival_widths(
    counts: Int[np.ndarray, "row"], spans: Sequence[slice], widths: Sequence[int], shape: ChunkShape
) -> list[int]:
    """The number of slots for each chunk's incoming edges.

    Where shapes should be few, it is that of the repformer's list, which has as many edges unless lists are cut short,
    or the first double of it that suffices.
    """
    if shape.width_cache is None:
        return chunk_widths("incoming", counts, spans, shape)
    doubles = (ceil(log2(max(int(counts[s].max()), w) / w)) for s, w in zip(spans, widths, strict=True))
    return [w << double for w, double in zip(widths, doubles, strict=True)]


def arrivals(
    table: Table, spans: Sequence[slice], widths: Sequence[int], shape: ChunkShape
) -> tuple[list[Arrivals], Arrivals]:
    """The edges of the repformer that lead to the atoms of each chunk, and those that lead to remote atoms."""
    position, target = edges_by_target(table, spans, widths)
    rows = len(table.types)
    count = np.bincount(target, minlength=rows + table.remote)
    slot = np.arange(len(target)) - np.repeat(np.cumsum(count) - count, count)
    slots = np.zeros((len(count), max(1, int(count.max(initial=0)))), dtype=np.int64)
    slots[target, slot] = position
    own = [
        in_slots(slots[s], count[s], w) for s, w in zip(spans, arrival_widths(count, spans, widths, shape), strict=True)
    ]
    widest = int(count[rows:].max(initial=0))
    if isinstance(shape.width_cache, AgreedWidths):
        (widest,) = shape.width_cache.widths_for("remote", [widest], STEP_OF_REMOTE)
    return own, in_slots(slots[rows:], count[rows:], rounded_up(widest, shape.step))


def edges_by_target(
    table: Table, spans: Sequence[slice], widths: Sequence[int]
) -> tuple[Int[np.ndarray, "edge"], Int[np.ndarray, "edge"]]:
    """The positions of the repformer's edges among those of all chunks, and the rows that they lead to, in order."""
    positions, targets, base = [], [], 0
    for span, width in zip(spans, widths, strict=True):
        used = (table.used[span, :width] > 0) & (np.arange(width) < table.counts["repformer"][span, None])
        positions.append(base + np.flatnonzero(used))
        targets.append(table.near[span, :width][used])
        base += used.size
    position, target = np.concatenate(positions), np.concatenate(targets)
    order = np.argsort(target, kind="stable")
    return position[order], target[order]


def in_slots(slots: Int[np.ndarray, "atom edge"], count: Int[np.ndarray, "atom"], width: int) -> Arrivals:
    """The same edges in so many slots for each atom."""
    fitted = np.pad(slots[:, :width], ((0, 0), (0, max(0, width - slots.shape[1]))))
    return Arrivals(fitted, (np.arange(width) < count[:, None]).astype(float))
