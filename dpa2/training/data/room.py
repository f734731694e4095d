"""The room of batches where functions are compiled for each shape of arrays: the same for all batches of a system.

A batch of some frames is filled up with virtual atoms, to as many as its chunks have rows for, and the last batch of an
epoch with empty frames. The widths of chunks follow from the largest numbers of neighbours in all frames of the system.
So whatever frames a batch has, nothing new is compiled for it. Systems with similar numbers share widths.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from ...batching.plan import ChunkShape
from ...batching.table import Cutoffs
from ...batching.widths import CHUNKS_FOR_THIRD_WIDTH, KnownWidths, coarse, rounded_up, smallest_sufficient
from .largest_counts import LargestCounts

GROUPS = 4  # at most so many groups of systems share a width of repinit's list and few widths of the repformer's
DIGITS = 2  # numbers of neighbours with the same so many binary digits, rounded up, are in one group
PADDING = 1.15  # fewer widths are chosen if they cost at most so many times the work


@dataclass(frozen=True)
class Room:
    """The frames and slots of every batch of a system, and the shape of its chunks."""

    frames: int
    slots: int
    shape: ChunkShape


@dataclass(frozen=True, eq=False)
class Demand:
    """The need of a system's batches: the largest number of frames, their atoms, and their numbers of neighbours.

    counts: None where they were not counted, {} for a system without frames that are trained on. share: of the batches.
    """

    frames: int
    atoms: int
    counts: LargestCounts | None
    share: float = 1.0


def rooms_for(demands: Sequence[Demand], cutoffs: Cutoffs, shape: ChunkShape) -> list[Room]:
    """Return the room of the batches of each system; shape: of the chunks of the library.

    Without numbers of neighbours, widths are those that the library finds as batches come.
    """
    rooms = [Room(d.frames, slots_of(d, shape), shape) for d in demands]
    if any(d.counts is None for d in demands):
        return rooms
    needs = [needed_widths(d, room.slots, cutoffs, shape) for d, room in zip(demands, rooms, strict=True)]
    found = list(rooms)
    shares = [d.share for d in demands]
    for group in groups_of([need["repinit"] for need in needs], shares):
        chosen = shared_widths([needs[k] for k in group], [shares[k] for k in group])
        for k, widths in zip(group, chosen, strict=True):
            known = KnownWidths(with_three_body(widths, cutoffs))
            found[k] = replace(rooms[k], shape=replace(shape, uniform=("repinit",), width_cache=known))
    return found


def slots_of(demand: Demand, shape: ChunkShape) -> int:
    """Return the slots of each frame: all rows of the chunks of a batch are shared out.

    >>> slots_of(Demand(11, 3, None), ChunkShape(size=24, filled=True))
    4
    """
    atoms = demand.frames * demand.atoms
    size = shape.atoms_in_chunk(atoms)
    return size * coarse(-(-atoms // size)) // demand.frames


def needed_widths(demand: Demand, slots: int, cutoffs: Cutoffs, shape: ChunkShape) -> dict[str, list[int]]:
    """Return the widths that the chunks of any batch need at most, in order.

    Rows are in the order of the repformer's counts; those of other lists may be anywhere.
    """
    rows = demand.frames * slots
    size = shape.atoms_in_chunk(rows)
    last = np.minimum(np.arange(size, rows + size, size), rows) - 1
    widest = np.minimum((rows - 1 - last) // demand.frames, demand.atoms)  # its place among the counts of one frame
    widths = {}
    for name, (_, most) in cutoffs.lists.items():
        counts = np.minimum([*(demand.counts or {}).get(name, [0] * demand.atoms), 0], most)
        needed = counts[widest] if name == "repformer" and shape.ordered else np.full(len(last), counts[0])
        widths[name] = [rounded_up(int(n), shape.step, most) for n in needed]
    return widths


def groups_of(widths: Sequence[Sequence[int]], shares: Sequence[float]) -> list[list[int]]:
    """Return the numbers of systems that share a width, from the equal widths of the chunks of each.

    >>> groups_of([[104] * 8, [20], [108] * 8, [6], [50]], [0.02, 0.32, 0.02, 0.32, 0.32])
    [[0, 2], [1, 3], [4]]
    >>> groups_of([[104] * 8, [20], [108] * 8, [6], [50]], [0.3, 0.1, 0.3, 0.1, 0.2])
    [[0, 1, 2, 3, 4]]
    """
    rough = [coarse(own[0], DIGITS) for own in widths]
    weights: dict[int, float] = {}
    for top, own, share in zip(rough, widths, shares, strict=True):
        weights[top] = weights.get(top, 0.0) + share * len(own)
    chosen = fewest(weights, GROUPS, power=1)
    groups: dict[int, list[int]] = {}
    for k, width in enumerate(smallest_sufficient(chosen, rough)):
        groups.setdefault(width, []).append(k)
    return list(groups.values())


def fewest(weights: Mapping[int, float], most: int, power: int) -> set[int]:
    """Return the fewest of some widths that the others can be rounded up to at little cost; at most so many.

    weights: how often each is needed. The work of a width is a power of it.

    >>> fewest({8: 0.1, 32: 1.0}, most=2, power=1), fewest({8: 1.0, 32: 1.0}, most=2, power=1)
    ({32}, {8, 32})
    """
    top, needed = max(weights), list(weights)

    def work(choice: set[int]) -> float:
        return sum(weights[n] * w**power for n, w in zip(needed, smallest_sufficient(choice, needed), strict=True))

    best = {top}
    for count in range(2, most + 1):
        if work(best) <= PADDING * work(set(needed)):
            break
        best = min(({*few, top} for few in combinations(needed, min(count - 1, len(needed)))), key=work)
    return best


def shared_widths(needs: Sequence[dict[str, list[int]]], shares: Sequence[float]) -> list[dict[str, list[int]]]:
    """Return the widths of the chunks of some systems, few different ones for all of them together."""
    weights: dict[int, float] = {}
    for need, share in zip(needs, shares, strict=True):
        for width in need["repformer"]:
            weights[width] = weights.get(width, 0.0) + share
    most = 3 if max(len(need["repformer"]) for need in needs) >= CHUNKS_FOR_THIRD_WIDTH else 2
    chosen = fewest(weights, most, power=2)
    tops = {name: max(max(need[name]) for need in needs) for name in needs[0]}
    return [
        {name: [top] * len(need[name]) for name, top in tops.items()}
        | {"repformer": smallest_sufficient(chosen, need["repformer"])}
        for need in needs
    ]


def with_three_body(widths: dict[str, list[int]], cutoffs: Cutoffs) -> dict[str, list[int]]:
    """Return widths in which the three-body list is no wider than the repformer's, where it is a part of that."""
    (cutoff, most), (other, limit) = cutoffs.lists["three_body"], cutoffs.repformer
    if cutoff > other or most > limit:
        return widths
    pairs = zip(widths["three_body"], widths["repformer"], strict=True)
    return widths | {"three_body": [min(pair) for pair in pairs]}
