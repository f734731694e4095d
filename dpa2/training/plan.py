"""All that a training reads before its first step: its data, its length, and the numbers of neighbours in the data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..backends.ranks import Alone, Ranks, by_first, together
from ..batching.table import Cutoffs
from ..config import DPA2Config
from ..errors import InputError
from ..structures.datasets import Frame
from ..structures.system import checked
from .data.closest import closest_pair
from .data.length import length_of
from .data.neighbor_counts import NeighborCounts, all_frames, count_neighbors, resolved
from .data.of_task import TaskData, provisional_config, read_task_data
from .schedules import Schedule
from .script.script import Script
from .script.selections import automatic

Seen = tuple[NeighborCounts | None, NeighborCounts | None]  # in the training data, and in all data of a task
Progress = Callable[[Iterable[Frame], int], Iterable[Frame]]


@dataclass(frozen=True, eq=False)
class TaskPlan:
    """The data of one head, how often it is chosen, and the numbers of neighbours that its atoms have.

    counts: of all its data, or None where they were not counted.
    """

    data: TaskData
    config: DPA2Config
    probability: float
    counts: NeighborCounts | None

    @property
    def head(self) -> str | None:
        """The name of the head; None in a script of one task."""
        return self.data.task.head

    @property
    def name(self) -> str:
        """The name of the head among those of models in training."""
        return self.data.task.name


@dataclass(frozen=True, eq=False)
class Plan:
    """A training before its first step.

    script: with numbers of neighbours in the place of "auto". schedule: of so many steps.
    """

    script: Script
    schedule: Schedule
    tasks: tuple[TaskPlan, ...]

    @property
    def steps(self) -> int:
        """The number of steps."""
        return self.schedule.steps

    def task(self, name: str) -> TaskPlan:
        """Return the plan of a head, by its name among those of models in training."""
        return next(task for task in self.tasks if task.name == name)

    def require_room(self) -> None:
        """Raise `InputError` where an atom of the data has more neighbours than the model of its head holds."""
        for task in self.tasks:
            for name, (cutoff, number) in Cutoffs.of(task.config).lists.items():
                most = task.counts.most[cutoff] if task.counts is not None and cutoff > 0 else None
                if most is not None and most.count > number:
                    what = f"atom {most.atom} of {most.frame} has {most.count} neighbours within {cutoff:g} Å"
                    rule = f"{what}, {name} holds {number}; raise nsel, let it be 'auto', or keep the nearest ones"
                    raise InputError(f"{rule} (--truncate)", argument="nsel", frame=most.frame, atom=most.atom)


def plan_training(
    script: Script,
    progress: Progress = lambda frames, count: frames,
    count: bool = True,
    ranks: Ranks | None = None,
) -> Plan:
    """Return what a training reads, without doing it.

    Parameters
    ----------
    script
        The script, whose folders of data are read here.
    progress
        Called with all frames that are looked at and their number; what it returns is looked at in their place.
    count
        Whether neighbours are counted even where the script leaves no number to the data.
    ranks
        Those that train together, if there are several: an epoch is as long as that of the share of the first one, and
        the first process counts neighbours for all.

    Raises
    ------
    FormatError, InputError, ConfigurationError
        Everything that a training refuses before its first step: damaged data, missing labels, numbers that are not
        finite, two atoms at one place, rules that do not fit the data.
    """
    ranks = ranks or Alone()
    data, chances, schedule = together(ranks, lambda: read_data(script, ranks.count))
    counting = count or bool(automatic(script.model))
    seen = by_first(
        ranks, lambda: [neighbors_of(script, each, progress) if counting else (None, None) for each in data]
    )
    known = {each.task.head: own for each, (own, _) in zip(data, seen, strict=True) if own is not None}
    ready = resolved(script, known)
    tasks = tuple(
        TaskPlan(each, ready.config(each.task.head), chance, counts)
        for each, (_, counts), chance in zip(data, seen, chances, strict=True)
    )
    return Plan(ready, schedule, tasks)


def read_data(script: Script, ranks: int) -> tuple[list[TaskData], tuple[float, ...], Schedule]:
    """Return the data of each task, the probability of each, and the schedule of a training on so many ranks."""
    data = [read_task_data(script, task) for task in script.tasks]
    length = length_of(script, [each.training.share(0, ranks) for each in data])
    return data, length.probabilities, script.schedule.over(length.steps)


def neighbors_of(script: Script, data: TaskData, progress: Progress) -> tuple[NeighborCounts, NeighborCounts]:
    """Return the numbers of neighbours in the training data, and in all data of a task.

    Frames that a training leaves out because two atoms are too close are not counted.
    """
    config = provisional_config(script, data.task.head)
    cutoffs = {cutoff for cutoff, _ in Cutoffs.of(config).lists.values() if cutoff > 0}
    cutoffs |= {each.cutoff for each in automatic(script.model)}
    sources = [s for s in (data.training, data.validation) if s is not None]
    limits = [data.task.training_data.min_pair_dist, 0.0]
    counts = []
    for source, limit in zip(sources, limits, strict=False):
        frames = progress(all_frames(source.systems), sum(map(len, source.systems)))
        kept = (frame for frame in frames if not too_close(config, frame, limit))
        counts.append(count_neighbors(kept, config.types, cutoffs))
    return counts[0], counts[0].joined(counts[1]) if len(counts) > 1 else counts[0]


def too_close(config: DPA2Config, frame: Frame, limit: float) -> bool:
    """Return whether two atoms of a frame are closer than a limit in Å."""
    return limit > 0 and closest_pair(checked(frame.system, config.types, frame.name), limit) < limit
