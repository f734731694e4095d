"""Numbers of neighbours in the data: for `nsel` = "auto", and beside the numbers that a script gives.

Source: section 6.1 of the specification of training.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...errors import InputError
from ...neighbors import UNLIMITED, Neighbors, neighbor_list
from ...nn.arrays import Float
from ...structures.datasets import Frame
from ...structures.system import checked
from ..script.script import Script
from ..script.selections import automatic, heads_of, with_numbers
from .systems import TrainingSystem


@dataclass(frozen=True)
class Most:
    """The largest number of neighbours within a cutoff, with the frame and the atom that have it."""

    count: int
    frame: str = ""
    atom: int = 0


@dataclass(frozen=True)
class NeighborCounts:
    """The largest number of neighbours within each cutoff (Å), and the smallest distance (Å; infinite without pairs).

    Neighbours at a distance less than the cutoff count, of all types, also those that a model excludes.
    """

    most: Mapping[float, Most]
    closest: float
    closest_frame: str = ""

    def joined(self, other: NeighborCounts) -> NeighborCounts:
        """Return the numbers of both together; of equal ones those that came first."""
        most = {cutoff: max(own, other.most[cutoff], key=lambda m: m.count) for cutoff, own in self.most.items()}
        near = min(self, other, key=lambda counts: counts.closest)
        return NeighborCounts(most, near.closest, near.closest_frame)


def count_neighbors(frames: Iterable[Frame], type_map: Sequence[str], cutoffs: Iterable[float]) -> NeighborCounts:
    """Return the largest numbers of neighbours of any atom of some frames, within each cutoff (Å).

    Raises `InputError` for two atoms at one place, and if there are no frames.

    >>> from dpa2.structures.system import System
    >>> water = System([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], ["O", "H", "H"])
    >>> found = count_neighbors([Frame(water, *[None] * 5, "water")], ("O", "H"), [1.2, 4.0])
    >>> [most.count for most in found.most.values()], round(found.closest, 2)
    ([2, 2], 0.96)
    """
    lengths = sorted(set(cutoffs))
    systems = ((frame.name, checked(frame.system, type_map, frame.name)) for frame in frames)
    return counted(((name, neighbor_list(system, lengths[-1], UNLIMITED)) for name, system in systems), lengths)


def counted(lists: Iterable[tuple[str, Neighbors]], cutoffs: Sequence[float]) -> NeighborCounts:
    """Return the numbers from the names of frames and their lists of all neighbours within the largest cutoff."""
    total = None
    for name, found in lists:
        own = of_distances(found.distance, cutoffs, name)
        total = own if total is None else total.joined(own)
    if total is None:
        raise InputError("there are no frames to count neighbours in", argument="frames")
    return total


def of_distances(distance: Float[np.ndarray, "atom neighbor"], cutoffs: Sequence[float], name: str) -> NeighborCounts:
    """Return the numbers of one frame."""
    most = {}
    for cutoff in cutoffs:
        counts = (distance < cutoff).sum(axis=1)
        atom = int(np.argmax(counts))
        most[cutoff] = Most(int(counts[atom]), name, atom)
    return NeighborCounts(most, float(distance.min(initial=np.inf)), name)


def all_frames(systems: Iterable[TrainingSystem]) -> Iterable[Frame]:
    """Return all frames of some systems, one after another."""
    return (system.frame(k) for system in systems for k in range(len(system)))


def resolved(script: Script, counts: Mapping[str | None, NeighborCounts]) -> Script:
    """Return a script with numbers in the place of "auto"; counts: those of the data of each head.

    Where heads share a descriptor, the number is enough for the data of all of them.
    """
    numbers = {}
    for each in automatic(script.model):
        heads: list[str | None] = [*heads_of(each.place, script.model)] or [None]
        largest = max(counts[head].most[each.cutoff].count for head in heads if head in counts)
        numbers[each.place] = each.number(largest)
    return replace(script, model=with_numbers(script.model, numbers))
