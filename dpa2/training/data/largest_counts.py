"""The largest numbers of neighbours in any frame of a system, from which the widths of its chunks are known before."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from ...batching.table import Cutoffs
from ...neighbors import UNLIMITED, Neighbors, counts_within

LargestCounts = Mapping[str, np.ndarray]  # by list of the model: (atom,), largest first


def largest_counts(found: Neighbors, cutoffs: Cutoffs, before: LargestCounts = MappingProxyType({})) -> LargestCounts:
    """Return the numbers of neighbours of a frame within each cutoff, largest first, or those before if larger.

    Of the atoms of any F frames, the one with the j-th most neighbours (from 0) has no more than entry j // F.

    >>> from dpa2.neighbors import neighbor_list
    >>> from dpa2.structures.system import System, checked
    >>> chain = checked(System([[0, 0, 0], [0, 0, 1], [0, 0, 2]], ["H"] * 3), ("H",))
    >>> largest_counts(neighbor_list(chain, 1.5, 9), Cutoffs((1.5, 9), None, (1.2, 9), (), 1))["repformer"]
    array([2, 1, 1])
    """
    lists = cutoffs.lists.items()
    own = {name: np.sort(counts_within(found, cutoff, UNLIMITED))[::-1] for name, (cutoff, _) in lists}
    return {name: np.maximum(counts, before.get(name, 0)) for name, counts in own.items()}
