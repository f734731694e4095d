"""Atoms that move: chunks for their present positions, from neighbours that were found before.

All that a plan does on the host for one list happens here where the arrays are, in arrays of fixed shapes, so that it
can be a part of a compiled program: distances, the order of neighbours and of atoms, and edges that lead to an atom.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from ..descriptor.chunk import Chunk
from ..nn.arrays import Array, Float, Int, array_namespace, end_to_end, flat, like, take_rows
from ..nn.module import module
from ..nn.roles import static
from .table import Cutoffs


@dataclass(frozen=True)
class Layout:
    """The shapes of chunks: atoms in each, its columns, and how many of them are three-body and repformer's list.

    rows, edges: lengths of arrays with all rows and edges. closest: Å, of two atoms.
    """

    cutoffs: Cutoffs
    sizes: tuple[int, ...]
    wide: tuple[int, ...]
    three_body: tuple[int, ...]
    repformer: tuple[int, ...]
    rows: int
    edges: int
    closest: float

    @property
    def spans(self) -> list[slice]:
        """The rows of each chunk."""
        return [slice(end - size, end) for size, end in zip(self.sizes, accumulate(self.sizes), strict=True)]


@module
class Candidates:
    """Atoms, and all that may become their neighbours; a row for each atom, and behind them rows that fill up a chunk.

    atom: whose row it is. near: the row of a candidate. shift: lattice translations from atom to candidate, between
    positions as they are given. present: 1 where a slot holds a candidate. seen: 1 where the descriptor may see it.
    back: which of the candidate's candidates leads back. fills: 1 for rows that fill up. system: that of each row.
    start: the first repformer edge of each row of the chunks among those of all. room_*: how many neighbours the lists
    of each row of the chunks hold.
    """

    atom: Int[Array, "row"]
    types: Int[Array, "row"]
    filler: Int[Array, "row"]
    fills: Int[Array, "row"]
    system: Int[Array, "row"]
    near: Int[Array, "row candidate"]
    shift: Int[Array, "row candidate 3"]
    present: Float[Array, "row candidate"]
    seen: Float[Array, "row candidate"]
    back: Int[Array, "row candidate"]
    start: Int[Array, "row"]
    room_repinit: Int[Array, "row"]
    room_three_body: Int[Array, "row"]
    room_repformer: Int[Array, "row"]
    layout: Layout = static()


@module
class Arrangement:
    """Chunks of atoms, and where their rows come from: row k of all chunks is row `order[k]` of the candidates.

    rank: the row in the chunks of each row of the candidates. near, system: as in `RowMap`.
    """

    chunks: tuple[Chunk, ...]
    order: Int[Array, "row"]
    rank: Int[Array, "row"]
    near: Int[Array, "edge"]
    system: Int[Array, "row"]


@module
class Distances:
    """Vectors to candidates, their lengths, infinite beyond the cutoff, and the number of neighbours in each list."""

    vectors: Float[Array, "row candidate 3"]
    lengths: Float[Array, "row candidate"]
    repinit: Int[Array, "row"]
    three_body: Int[Array, "row"]
    repformer: Int[Array, "row"]


def distances(found: Candidates, positions: Float[Array, "atom 3"], cells: Float[Array, "system 3 3"]) -> Distances:
    """Return the distances of all candidates; a pair has the same length, to the bit, from both sides."""
    xp = array_namespace(positions)
    positions = take_rows(positions, found.atom)
    cell = take_rows(cells, found.system)
    shift = xp.astype(found.shift, positions.dtype) @ cell
    vectors = (take_rows(positions, found.near) - positions[:, None, :]) + shift
    lengths = xp.sqrt(xp.sum(vectors * vectors, axis=-1))
    lists = found.layout.cutoffs.lists
    inside = (found.present > 0) & (lengths <= lists["repinit"][0])
    lengths = xp.where(inside, lengths, like(float("inf"), lengths))
    counts = {
        name: xp.sum(xp.astype(lengths <= cutoff, found.types.dtype), axis=1) for name, (cutoff, _) in lists.items()
    }
    return Distances(vectors, lengths, **counts)


def ordered(found: Candidates, now: Distances) -> Int[Array, "row"]:
    """Return the rows in the order of chunks: by numbers of neighbours, and last those that fill up a chunk."""
    most = found.near.shape[1] + 1
    return array_namespace(found.near).argsort((found.fills * most + now.repformer) * most + now.repinit)


def crowded(found: Candidates, now: Distances, order: Int[Array, "row"]) -> Array:
    """Return whether a row of the chunks has more neighbours than its lists have room for, or atoms are too close."""
    xp = array_namespace(order)
    close = xp.sum(xp.astype(now.lengths < found.layout.closest, order.dtype))
    lists = (
        (now.repinit, found.room_repinit),
        (now.three_body, found.room_three_body),
        (now.repformer, found.room_repformer),
    )
    return close + sum(xp.sum(xp.astype(take_rows(count, order) > room, order.dtype)) for count, room in lists) > 0


def arranged(found: Candidates, now: Distances, order: Int[Array, "row"]) -> Arrangement:
    """Return the chunks of all atoms at their present distances."""
    xp = array_namespace(order)
    rank = xp.argsort(order)
    slots = xp.argsort(now.lengths, axis=1)
    table = leading(found, now, order, rank, slots)
    position, arrives = edges_back(found, now, rank, slots)
    index = chosen(order, slots, max(found.layout.repformer))
    chunks = tuple(in_spans(found.layout, table, take_rows(flat(position), index), take_rows(flat(arrives), index)))
    near = end_to_end([flat(chunk.near) for chunk in chunks])
    system = take_rows(found.system, order)
    return Arrangement(chunks, order, rank, longer(near, found.layout.edges), longer(system, found.layout.rows))


def chosen(order: Int[Array, "row"], slots: Int[Array, "row candidate"], width: int) -> Int[Array, "row slot"]:
    """Return where, among all slots end to end, the nearest candidates of each row of the chunks are."""
    return order[:, None] * slots.shape[1] + take_rows(slots, order)[:, :width]


def leading(
    found: Candidates,
    now: Distances,
    order: Int[Array, "row"],
    rank: Int[Array, "row"],
    slots: Int[Array, "row candidate"],
) -> Chunk:
    """Return all rows as one chunk without incoming edges, as wide as the widest one needs."""
    xp = array_namespace(order)
    index = chosen(order, slots, max(found.layout.wide))
    near, types, filler = (
        take_rows(flat(found.near), index),
        take_rows(found.types, order),
        take_rows(found.filler, order),
    )
    seen, inside = take_rows(flat(found.seen), index), take_rows(flat(now.lengths), index) < float("inf")
    used = xp.where(inside, seen, xp.zeros_like(seen))
    vectors = xp.astype(take_rows(flat(now.vectors), index), seen.dtype)
    none = xp.zeros_like(near[:, :0])
    return Chunk(
        types=types,
        filler=filler,
        near=take_rows(rank, near),
        near_types=xp.where(used > 0, take_rows(found.types, near), filler[:, None]),
        vectors=xp.where(used[..., None] > 0, vectors, like(found.layout.cutoffs.far.tolist(), vectors)),
        used=used,
        repinit_count=take_rows(now.repinit, order),
        three_body_count=take_rows(now.three_body, order),
        repformer_count=take_rows(now.repformer, order),
        incoming=none,
        arriving=used[:, :0],
        three_body_width=0,
        repformer_width=0,
    )


def edges_back(
    found: Candidates, now: Distances, rank: Int[Array, "row"], slots: Int[Array, "row candidate"]
) -> tuple[Int[Array, "row candidate"], Float[Array, "row candidate"]]:
    """Return the position of the edge back from each candidate among the repformer's edges, and 1 where it is one."""
    xp = array_namespace(rank)
    place = take_rows(flat(xp.argsort(slots, axis=1)), found.near * slots.shape[1] + found.back)
    edges = xp.minimum(now.repformer, take_rows(found.room_repformer, rank))
    arrives = (found.present > 0) & (place < take_rows(edges, found.near))
    position = take_rows(found.start, take_rows(rank, found.near)) + place
    return xp.where(arrives, position, xp.zeros_like(position)), xp.where(
        arrives, found.seen, xp.zeros_like(found.seen)
    )


def in_spans(
    layout: Layout, table: Chunk, incoming: Int[Array, "row slot"], arriving: Float[Array, "row slot"]
) -> Iterator[Chunk]:
    """Yield the chunks of a table of all rows."""
    for span, wide, three_body, repformer in zip(
        layout.spans, layout.wide, layout.three_body, layout.repformer, strict=True
    ):
        columns = span, slice(0, wide)
        yield Chunk(
            types=table.types[span],
            filler=table.filler[span],
            near=table.near[columns],
            near_types=table.near_types[columns],
            vectors=table.vectors[(*columns, slice(None))],
            used=table.used[columns],
            repinit_count=table.repinit_count[span],
            three_body_count=table.three_body_count[span],
            repformer_count=table.repformer_count[span],
            incoming=incoming[span, :repformer],
            arriving=arriving[span, :repformer],
            three_body_width=three_body,
            repformer_width=repformer,
        )


def longer(rows: Int[Array, "row"], length: int) -> Int[Array, "longer"]:
    """Return rows with zeros behind them, up to a length."""
    xp = array_namespace(rows)
    return xp.concat([rows, xp.zeros(length - rows.shape[0], dtype=rows.dtype)]) if length > rows.shape[0] else rows
