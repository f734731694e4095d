"""How many neighbours the atoms of a data set have, beside how many a model holds.

Counts are those of the lists before anything is cut off. Each block has its own cutoff and its own limit; the
descriptor's excluded pairs count, as they take up a slot, and pairs that the whole model excludes count in repinit
alone, where they are erased after the list is cut (specification sections 1.4 and 1.5).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from ..batching.table import Cutoffs
from ..config import DPA2Config
from ..errors import InputError
from ..neighbors import counts_within, neighbor_list
from ..structures.datasets import Frame
from ..structures.system import System, checked

MARGIN = 10  # %; how many more neighbours than were found a model should hold
MULTIPLE = 4  # of which that number is one
UNLIMITED = sys.maxsize


@dataclass(frozen=True, eq=False)
class BlockCounts:
    """Neighbour counts of all real atoms within one block's cutoff.

    block: its name. cutoff: Å. limit: the `max_neighbors` that the model holds.
    histogram: entry n is the number of atoms with n neighbours.
    frame, atom: where the largest count was found first.
    advised: the `max_neighbors` for a model to be trained on such data.
    """

    block: str
    cutoff: float
    limit: int
    histogram: np.ndarray
    frame: str
    atom: int
    advised: int = 0

    @property
    def largest(self) -> int:
        """The most neighbours of any atom."""
        return len(self.histogram) - 1

    @property
    def exceeding(self) -> int:
        """How many atoms have more neighbours than the block holds."""
        return int(self.histogram[self.limit + 1 :].sum())

    @property
    def mean(self) -> float:
        """Neighbours of an atom on average."""
        return float(np.average(np.arange(len(self.histogram)), weights=self.histogram))


def survey_neighbors(config: DPA2Config, frames: Iterable[Frame]) -> list[BlockCounts]:
    """Neighbour counts of all atoms in all frames, for each block of a model.

    Raises `InputError` for a structure that is none, or has types that the model does not know.
    """
    blocks = dict(Cutoffs.of(config).lists)
    if config.three_body is None:
        del blocks["three_body"]
    found: dict[str, BlockCounts] = {}
    for frame in frames:
        system = checked(frame.system, config.types, frame.name)
        if (system.types < 0).all():
            continue
        for name, counts in counted(config, system, blocks).items():
            here = summarised(name, *blocks[name], counts, system.types >= 0, frame.name)
            found[name] = joined(found[name], here) if name in found else here
    if not found:
        raise InputError("there are no atoms to count neighbours of", argument="data")
    return with_advice(list(found.values()))


def counted(config: DPA2Config, system: System, blocks: dict) -> dict[str, np.ndarray]:
    """Neighbours of each atom within each block's cutoff, as many as there are."""
    everything = neighbor_list(system, config.repinit.cutoff, UNLIMITED)
    lists = dict.fromkeys(blocks, everything)
    if config.model_excluded_pairs:
        pairs = config.model_excluded_pairs
        seen = neighbor_list(system, config.repinit.cutoff, UNLIMITED, excluded_pairs=pairs)
        lists = dict.fromkeys(blocks, seen) | {"repinit": everything}
    return {name: counts_within(lists[name], cutoff, UNLIMITED) for name, (cutoff, _) in blocks.items()}


def summarised(name: str, cutoff: float, limit: int, counts, real, frame: str) -> BlockCounts:
    """The counts of one frame; virtual atoms are none."""
    atom = int(np.argmax(np.where(real, counts, -1)))
    return BlockCounts(name, cutoff, limit, np.bincount(counts[real], minlength=1), frame, atom)


def joined(one: BlockCounts, other: BlockCounts) -> BlockCounts:
    """The counts of two sets of frames."""
    more, less = (other, one) if other.largest > one.largest else (one, other)
    extra = more.largest - less.largest
    return replace(more, histogram=more.histogram + np.pad(less.histogram, (0, extra)))


def with_advice(blocks: list[BlockCounts]) -> list[BlockCounts]:
    """With the number to use: the largest and a margin, rounded up.

    A configuration wants more in repinit than in the repformer, and never fewer where the cutoff is longer.
    """
    chosen, most = {}, 0
    for block in sorted(blocks, key=lambda b: (b.cutoff, b.block == "repinit")):
        most = max(rounded_up(block.largest), most + MULTIPLE * (block.block == "repinit"))
        chosen[block.block] = most
    return [replace(block, advised=chosen[block.block]) for block in blocks]


def rounded_up(largest: int) -> int:
    """The margin added, the next multiple.

    >>> rounded_up(20), rounded_up(40), rounded_up(0)
    (24, 44, 4)
    """
    return MULTIPLE * max(1, ceil(largest * (100 + MARGIN) / (100 * MULTIPLE)))
