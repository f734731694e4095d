"""The count of neighbours in all data of a task, which keeps the lists that it searches for the training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ...backends.ranks import Ranks
from ...batching.table import Cutoffs
from ...neighbors import Neighbors
from ...structures.datasets import Frame
from ...structures.system import checked
from ..script.script import Script
from ..script.selections import automatic, heads_of
from .closest import too_close
from .kept_lists import KeptLists
from .largest_counts import LargestCounts, largest_counts
from .neighbor_counts import NeighborCounts, all_frames, counted
from .of_task import TaskData
from .source import Source

Progress = Callable[[Iterable[Frame], int], Iterable[Frame]]


@dataclass(frozen=True, eq=False)
class Seen:
    """The numbers of neighbours in the training data of a task, and in all its data.

    systems, validated: the largest ones in any frame of each system, to train on and to validate on.
    """

    training: NeighborCounts
    every: NeighborCounts
    systems: tuple[LargestCounts, ...]
    validated: tuple[LargestCounts, ...] = ()


class Count:
    """The count of neighbours in the data of a task.

    Of several ranks, those lists are kept that this process needs: of the frames that it trains on or validates on.
    """

    def __init__(self, script: Script, data: TaskData, lists: KeptLists, ranks: Ranks) -> None:
        self.data, self.lists, self.ranks = data, lists, ranks
        head, cutoffs = data.task.head, (cutoff for cutoff, _ in Cutoffs.of(lists.config).lists.values())
        own = (each for each in automatic(script.model) if head is None or head in heads_of(each.place, script.model))
        self.cutoffs = sorted({*cutoffs, *(each.cutoff for each in own)} - {0.0})

    def made(self, progress: Progress) -> Seen:
        """Return the numbers of neighbours in all data.

        Frames that a training leaves out because two atoms are too close are not counted.
        """
        data, ranks = self.data, self.ranks
        limit = data.task.training_data.min_pair_dist
        counts, systems = self.of(data.training, limit, progress, lambda row: row % ranks.count in ranks.own)
        if data.validation is None:
            return Seen(counts, counts, systems)
        others, validated = self.of(data.validation, 0.0, progress, lambda _: True)
        return Seen(counts, counts.joined(others), systems, validated)

    def of(
        self, source: Source, limit: float, progress: Progress, wanted: Callable[[int], bool]
    ) -> tuple[NeighborCounts, tuple[LargestCounts, ...]]:
        """Return the numbers of some systems together, and the largest ones of each.

        limit: frames with atoms closer than this (Å) are left out. wanted: tells of a row whether its list is kept.
        """
        largest: list[LargestCounts] = [{} for _ in source.systems]
        places = [(number, row) for number, system in enumerate(source.systems) for row in range(len(system))]
        frames = zip(places, progress(all_frames(source.systems), len(places)), strict=True)

        def lists() -> Iterator[tuple[str, Neighbors]]:
            for (number, row), frame in frames:
                system = checked(frame.system, self.lists.config.types, frame.name)
                if not too_close(system, limit):
                    found = self.lists.every(frame.name, system, wanted(row))
                    largest[number] = largest_counts(found, Cutoffs.of(self.lists.config), largest[number])
                    yield frame.name, found

        return counted(lists(), self.cutoffs), tuple(largest)
