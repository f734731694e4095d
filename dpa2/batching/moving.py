"""Atoms that move: chunks for their present positions, from neighbours that were found before.

All that a plan does on the host for one list happens here where the arrays are, in arrays of fixed shapes, so that it
can be a part of a compiled program: distances, the order of neighbours and of atoms, and edges that lead to an atom.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from ..descriptor.chunk import Chunk
from ..neighbors.cells import Capacity
from ..neighbors.grid import Grid
from ..nn.arrays import Array, Float, Int, array_namespace, end_to_end, filled, flat, take_rows
from ..nn.module import module
from ..nn.roles import static
from .table import Cutoffs


@dataclass(frozen=True)
class Layout:
    """The shapes of chunks: atoms in each, its columns, and how many of them are three-body and repformer's list.

    rows, edges: lengths of arrays with all rows and edges. closest: Å, of two atoms. grid, capacity: of the search for
    new candidates.
    """

    cutoffs: Cutoffs
    sizes: tuple[int, ...]
    wide: tuple[int, ...]
    three_body: tuple[int, ...]
    repformer: tuple[int, ...]
    rows: int
    edges: int
    closest: float
    grid: Grid
    capacity: Capacity

    @property
    def spans(self) -> list[slice]:
        """The rows of each chunk."""
        return [slice(end - size, end) for size, end in zip(self.sizes, accumulate(self.sizes), strict=True)]


@module
class Candidates:
    """Atoms, and all that may become their neighbours; a row for each atom, and behind them rows that fill up a chunk.

    atom: whose row it is. kind: the type, or the number of types for a virtual atom. fills: 1 for rows that fill up.
    system: that of each row. admits, sees: 1 for the kinds of pairs that the list has, and that the descriptor uses.
    near: the row of a candidate. shift: lattice translations from atom to candidate, between positions as they are
    given. present: 1 where a slot holds a candidate. start: the first repformer edge of each row of the chunks among
    those of all. room_*: how many neighbours the lists of each row of the chunks hold.
    """

    atom: Int[Array, "row"]
    types: Int[Array, "row"]
    kind: Int[Array, "row"]
    filler: Int[Array, "row"]
    fills: Int[Array, "row"]
    system: Int[Array, "row"]
    admits: Float[Array, "kind kind"]
    sees: Float[Array, "kind kind"]
    near: Int[Array, "row candidate"]
    shift: Int[Array, "row candidate 3"]
    present: Float[Array, "row candidate"]
    start: Int[Array, "row"]
    room_repinit: Int[Array, "row"]
    room_three_body: Int[Array, "row"]
    room_repformer: Int[Array, "row"]
    layout: Layout = static()

    def with_pairs(
        self, center: Int[Array, "pair"], neighbor: Int[Array, "pair"], shift: Int[Array, "pair 3"], slots: int
    ) -> tuple[Candidates, Array]:
        """Return the same atoms with other candidates, so many for each, and how many the fullest row needs.

        center: in ascending order; entries that are empty have the number of atoms, or more.
        """
        xp = array_namespace(center)
        rows = xp.cumulative_sum(xp.ones_like(self.atom), axis=0) - 1
        own = xp.where(self.fills > 0, xp.zeros_like(rows) - 1, rows)
        place, there, count = places(center, own, xp.cumulative_sum(xp.ones_like(self.near[:1, :slots]), axis=1) - 1)
        near = xp.where(there, take_rows(neighbor, place), xp.zeros_like(place))
        pair = self.kind[:, None] * self.admits.shape[0] + take_rows(self.kind, near)
        admitted = take_rows(xp.reshape(self.admits, (-1,)), pair)
        found = replace(
            self,
            near=near,
            shift=take_rows(shift, place),
            present=xp.where(there, admitted, xp.zeros_like(admitted)),
        )
        return found, xp.max(count)


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
    lengths = xp.where(inside, lengths, filled(float("inf"), lengths))
    counts = {
        name: xp.sum(xp.astype(lengths <= cutoff, found.types.dtype), axis=1) for name, (cutoff, _) in lists.items()
    }
    return Distances(vectors, lengths, **counts)


def ordered(found: Candidates, now: Distances) -> Int[Array, "row"]:
    """Return the rows in the order of chunks: by numbers of neighbours, and last those that fill up a chunk."""
    most = found.near.shape[1] + 1
    key = (found.fills * most + now.repformer) * most + now.repinit
    return array_namespace(key).argsort(key, stable=True)


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
    rank = xp.argsort(order, stable=True)
    slots = xp.argsort(now.lengths, axis=1, stable=True)
    table = leading(found, now, order, rank, slots)
    chunks = tuple(in_spans(found.layout, table, *edges_to(found, table, max(found.layout.repformer))))
    near = end_to_end([flat(chunk.near) for chunk in chunks])
    system = take_rows(found.system, order)
    return Arrangement(chunks, order, rank, longer(near, found.layout.edges), longer(system, found.layout.rows))


def leading(
    found: Candidates,
    now: Distances,
    order: Int[Array, "row"],
    rank: Int[Array, "row"],
    slots: Int[Array, "row candidate"],
) -> Chunk:
    """Return all rows as one chunk without incoming edges, as wide as the widest one needs."""
    xp = array_namespace(order)
    index = order[:, None] * slots.shape[1] + take_rows(slots, order)[:, : max(found.layout.wide)]
    near, types, filler = (
        take_rows(flat(found.near), index),
        take_rows(found.types, order),
        take_rows(found.filler, order),
    )
    inside = take_rows(flat(now.lengths), index) < float("inf")
    kinds = take_rows(found.kind, order)[:, None] * found.sees.shape[0] + take_rows(found.kind, near)
    seen = take_rows(xp.reshape(found.sees, (-1,)), kinds)
    used = xp.where(inside, seen, xp.zeros_like(seen))
    vectors = xp.astype(take_rows(flat(now.vectors), index), seen.dtype)
    return Chunk(
        types=types,
        filler=filler,
        near=take_rows(rank, near),
        near_types=xp.where(used > 0, take_rows(found.types, near), filler[:, None]),
        vectors=xp.where(used[..., None] > 0, vectors, filled(found.layout.cutoffs.far.tolist(), vectors)),
        used=used,
        repinit_count=take_rows(now.repinit, order),
        three_body_count=take_rows(now.three_body, order),
        repformer_count=take_rows(now.repformer, order),
        incoming=xp.zeros_like(near[:, :0]),
        arriving=used[:, :0],
        three_body_width=0,
        repformer_width=0,
    )


def edges_to(found: Candidates, table: Chunk, width: int) -> tuple[Int[Array, "row slot"], Float[Array, "row slot"]]:
    """Return the positions, among the repformer's edges of all chunks, of those that lead to each row, and a mask."""
    xp = array_namespace(table.near)
    rows = xp.cumulative_sum(xp.ones_like(table.types), axis=0) - 1
    column = xp.cumulative_sum(xp.ones_like(table.near[:1, :width]), axis=1) - 1
    limit = xp.minimum(table.repformer_count, found.room_repformer)[:, None]
    edge = (table.used[:, :width] > 0) & (column < limit)
    target = flat(xp.where(edge, table.near[:, :width], xp.zeros_like(column) + rows.shape[0]))
    order = xp.argsort(target, stable=True)
    place, arrives, _ = places(take_rows(target, order), rows, column)
    position = take_rows(flat(found.start[:, None] + column), take_rows(order, place))
    return xp.where(arrives, position, xp.zeros_like(position)), xp.astype(arrives, table.used.dtype)


def places(
    ascending: Int[Array, "item"], wanted: Int[Array, "row"], column: Int[Array, "1 slot"]
) -> tuple[Int[Array, "row slot"], Array, Int[Array, "row"]]:
    """Return where each wanted number stands among ascending ones, a mask of slots, and how often it is there.

    column: 0, 1, ...; the number of slots. Places of slots that are empty are 0.
    """
    xp = array_namespace(ascending)
    first, end = (xp.astype(xp.searchsorted(ascending, wanted, side=s), wanted.dtype) for s in ("left", "right"))
    place = first[:, None] + column
    there = place < end[:, None]
    return xp.where(there, place, xp.zeros_like(place)), there, end - first


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


def narrowed(found: Candidates, now: Distances, order: Int[Array, "row"]) -> Candidates:
    """Return the candidates with chunks as wide as these distances need; for arrays in memory, to read."""
    layout = found.layout

    def widths(count: Array, room: tuple[int, ...]) -> tuple[int, ...]:
        count = take_rows(count, order)
        needed = (int(np.max(count[span])) for span in layout.spans)
        return tuple(min(max(1, need), most) for need, most in zip(needed, room, strict=True))

    wide, three_body, repformer = (
        widths(now.repinit, layout.wide),
        widths(now.three_body, layout.three_body),
        widths(now.repformer, layout.repformer),
    )
    edges = sum(size * width for size, width in zip(layout.sizes, wide, strict=True))
    room = np.repeat(repformer, layout.sizes)
    return replace(
        found,
        start=np.cumsum(room) - room,
        room_repformer=room,
        layout=replace(layout, wide=wide, three_body=three_body, repformer=repformer, edges=edges),
    )


def longer(rows: Int[Array, "row"], length: int) -> Int[Array, "longer"]:
    """Return rows with zeros behind them, up to a length."""
    xp = array_namespace(rows)
    return xp.concat([rows, xp.zeros(length - rows.shape[0], dtype=rows.dtype)]) if length > rows.shape[0] else rows
