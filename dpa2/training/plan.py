"""All that a training reads before its first step: its data, its length, and the numbers of neighbours in the data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..backends.ranks import Alone, Ranks, by_first, together
from ..batching.table import Cutoffs
from ..config import DPA2Config
from ..errors import InputError
from .data.count import Count, Progress, Seen
from .data.kept_lists import MEMORY, KeptLists
from .data.length import length_of
from .data.neighbor_counts import NeighborCounts, resolved
from .data.of_task import TaskData, provisional_config, read_task_data
from .schedules import Schedule
from .script.script import Script
from .script.selections import automatic


@dataclass(frozen=True, eq=False)
class TaskPlan:
    """The data of one head, how often it is chosen, and the numbers of neighbours that its atoms have.

    seen: None where neighbours were not counted. lists: those of frames that were searched for it.
    """

    data: TaskData
    config: DPA2Config
    probability: float
    seen: Seen | None
    lists: KeptLists

    @property
    def counts(self) -> NeighborCounts | None:
        """The numbers of neighbours in all its data, or None where they were not counted."""
        return None if self.seen is None else self.seen.every

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
    memory: int = MEMORY,
    lists: Path | None = None,
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
    memory, lists
        Bytes of the neighbour lists that are kept from the count for the training, and a folder where they are kept,
        too; as in `Options`.

    Raises
    ------
    FormatError, InputError, ConfigurationError
        Everything that a training refuses before its first step: damaged data, missing labels, numbers that are not
        finite, two atoms at one place, rules that do not fit the data.
    """
    ranks = ranks or Alone()
    data, chances, schedule = together(ranks, lambda: read_data(script, ranks.count))
    kept = [KeptLists(provisional_config(script, each.task.head), memory=memory, folder=lists) for each in data]
    pairs = list(zip(data, kept, strict=True))
    counting = count or bool(automatic(script.model))
    seen = by_first(ranks, lambda: [Count(script, *each, ranks).made(progress) if counting else None for each in pairs])
    known = {each.task.head: own.training for each, own in zip(data, seen, strict=True) if own is not None}
    ready = resolved(script, known)
    tasks = tuple(
        TaskPlan(each, ready.config(each.task.head), chance, own, lists)
        for (each, lists), chance, own in zip(pairs, chances, seen, strict=True)
    )
    return Plan(ready, schedule, tasks)


def read_data(script: Script, ranks: int) -> tuple[list[TaskData], tuple[float, ...], Schedule]:
    """Return the data of each task, the probability of each, and the schedule of a training on so many ranks."""
    data = [read_task_data(script, task) for task in script.tasks]
    length = length_of(script, [each.training.share(0, ranks) for each in data])
    return data, length.probabilities, script.schedule.over(length.steps)
