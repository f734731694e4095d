"""Numbers of neighbours in a data set, beside the numbers that a model holds.

Neighbours are counted before lists are cut. Each block has its own cutoff and max_neighbors. Pairs that the descriptor
excludes are counted, because they occupy a slot; pairs that the model excludes are counted in repinit only, where they
are erased after the list is cut (specification sections 1.4 and 1.5).
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

MARGIN = 10  # the advised max_neighbors exceeds the largest count by this percentage,
MULTIPLE = 4  # and is rounded up to a multiple of this number
UNLIMITED = sys.maxsize  # max_neighbors of a list that is not cut


@dataclass(frozen=True, eq=False)
class BlockCounts:
    """Neighbour counts of all atoms, virtual ones left out, within the cutoff of one block.

    Attributes
    ----------
    block
        Name of the block.
    cutoff
        Its cutoff, Å.
    limit
        Its max_neighbors.
    histogram
        Number of atoms with n neighbours, for n = 0, 1, ...
    frame, atom
        Frame and atom with the largest count; the first if there are several.
    advised
        max_neighbors for a new model to be trained on such data.
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
        """The largest number of neighbours of any atom."""
        return len(self.histogram) - 1

    @property
    def exceeding(self) -> int:
        """Number of atoms that have more neighbours than the block holds."""
        return int(self.histogram[self.limit + 1 :].sum())

    @property
    def mean(self) -> float:
        """Average number of neighbours of an atom."""
        return float(np.average(np.arange(len(self.histogram)), weights=self.histogram))


def survey_neighbors(config: DPA2Config, frames: Iterable[Frame]) -> list[BlockCounts]:
    """Return the neighbour counts of all atoms in all frames, for each block of a model.

    Parameters
    ----------
    config
        Configuration of the model.
    frames
        A `Dataset`, or any frames with the types of the model.

    Raises
    ------
    InputError
        A structure is not valid, has types that the model does not have, or there are no atoms at all.

    Examples
    --------
    >>> from dpa2 import testing
    >>> molecule = System([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], ["O", "H", "H"])
    >>> found = survey_neighbors(testing.small_config(), [Frame(molecule, *[None] * 5, name="molecule")])
    >>> [(block.block, block.largest) for block in found]
    [('repinit', 2), ('three_body', 2), ('repformer', 2)]
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
            here = summarized(name, *blocks[name], counts, system.types >= 0, frame.name)
            found[name] = joined(found[name], here) if name in found else here
    if not found:
        raise InputError("there are no atoms to count neighbours of", argument="data")
    return with_advice(list(found.values()))


def counted(config: DPA2Config, system: System, blocks: dict) -> dict[str, np.ndarray]:
    """Number of neighbours of each atom within the cutoff of each block."""
    everything = neighbor_list(system, config.repinit.cutoff, UNLIMITED)
    lists = dict.fromkeys(blocks, everything)
    if config.model_excluded_pairs:
        pairs = config.model_excluded_pairs
        seen = neighbor_list(system, config.repinit.cutoff, UNLIMITED, excluded_pairs=pairs)
        lists = dict.fromkeys(blocks, seen) | {"repinit": everything}
    return {name: counts_within(lists[name], cutoff, UNLIMITED) for name, (cutoff, _) in blocks.items()}


def summarized(name: str, cutoff: float, limit: int, counts, real, frame: str) -> BlockCounts:
    """Return the counts of one frame, without virtual atoms."""
    atom = int(np.argmax(np.where(real, counts, -1)))
    return BlockCounts(name, cutoff, limit, np.bincount(counts[real], minlength=1), frame, atom)


def joined(one: BlockCounts, other: BlockCounts) -> BlockCounts:
    """Return the counts of two sets of frames together."""
    more, less = (other, one) if other.largest > one.largest else (one, other)
    extra = more.largest - less.largest
    return replace(more, histogram=more.histogram + np.pad(less.histogram, (0, extra)))


def with_advice(blocks: list[BlockCounts]) -> list[BlockCounts]:
    """Return the counts with the advised max_neighbors: the largest count plus a margin, rounded up.

    A configuration must have more in repinit than in the repformer, and not fewer where the cutoff is longer.
    """
    chosen, most = {}, 0
    for block in sorted(blocks, key=lambda b: (b.cutoff, b.block == "repinit")):
        most = max(rounded_up(block.largest), most + MULTIPLE * (block.block == "repinit"))
        chosen[block.block] = most
    return [replace(block, advised=chosen[block.block]) for block in blocks]


def rounded_up(largest: int) -> int:
    """Return a count with the margin, rounded up to the next multiple.

    >>> rounded_up(20), rounded_up(40), rounded_up(0)
    (24, 44, 4)
    """
    return MULTIPLE * max(1, ceil(largest * (100 + MARGIN) / (100 * MULTIPLE)))
