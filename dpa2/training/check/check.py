"""All that a training reads, read and checked, and reported."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

from ...batching.table import Cutoffs
from ...config import DPA2Config
from ...construction.build import skeleton
from ...construction.trainability import trainable
from ...model.preparation import check_system
from ...nn.module import Leaf, map_roles
from ...structures.datasets import Frame
from ...structures.system import checked
from ..data.closest import closest_pair
from ..data.labels import LABELS
from ..data.length import length_of
from ..data.neighbor_counts import NeighborCounts, all_frames, count_neighbors, resolved
from ..data.of_task import TaskData, provisional_config, read_task_data
from ..data.source import Source
from ..script.script import Script
from ..script.selections import automatic
from .memory import estimated
from .report import BlockReport, RateReport, Report, SystemReport, TaskReport, TermReport
from .warnings import warnings_of

Progress = Callable[[Iterable[Frame], int], Iterable[Frame]]


def check_training(script: Script, progress: Progress = lambda frames, count: frames) -> Report:
    """Return what a training would do, without doing it.

    Parameters
    ----------
    script
        The script, whose folders of data are read here.
    progress
        Called with all frames that are looked at and their number; what it returns is looked at in their place.

    Raises
    ------
    FormatError, InputError, ConfigurationError
        Everything that a training refuses before its first step: damaged data, missing labels, numbers that are not
        finite, two atoms at one place, rules that do not fit the data.
    """
    data = [read_task_data(script, task) for task in script.tasks]
    length = length_of(script, [each.training for each in data])
    script.schedule.over(length.steps)
    seen = [neighbors_of(script, each, progress) for each in data]
    ready = resolved(script, {each.task.head: own for each, (own, _) in zip(data, seen, strict=True)})
    tasks = tuple(
        task_report(ready.config(each.task.head), each, counts, chance)
        for each, (_, counts), chance in zip(data, seen, length.probabilities, strict=True)
    )
    rates = rates_of(script, length.steps)
    warnings = warnings_of(script, length.steps, data, tasks)
    return Report(length.steps, rates, script.optimizer.type, tasks, script.without_effect, warnings)


def rates_of(script: Script, steps: int) -> tuple[RateReport, ...]:
    """Return the rates of the first step, of the first one after the warm-up, of the middle and of the last one."""
    schedule = script.schedule.over(steps)
    shown = (0, schedule.warmup, steps // 2, steps - 1) if steps else ()
    return tuple(RateReport(step, schedule.rate(step)) for step in sorted(set(shown)))


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


def task_report(config: DPA2Config, data: TaskData, counts: NeighborCounts, chance: float) -> TaskReport:
    """Return what is known of one task, the model of which has its numbers of neighbours."""
    parameters = number_of_parameters(config)
    source = data.training
    largest = max(s.atoms * size for s, size in zip(source.systems, source.sampler.sizes, strict=True))
    atoms = sum(len(s) * s.atoms for s in source.systems)
    wide, near = (counts.most[cutoff].count for cutoff in (config.repinit.cutoff, config.repformer.cutoff))
    return TaskReport(
        head=data.task.head,
        types=config.types,
        parameters=parameters,
        terms=tuple(TermReport(name, p.start, p.limit) for name, p in data.task.loss.terms.items()),
        probability=chance,
        epoch=source.epoch,
        training=tuple(system_reports(config, source, data.task.training_data.min_pair_dist)),
        validation=tuple(system_reports(config, data.validation)) if data.validation else (),
        blocks=tuple(block_reports(config, counts)),
        closest=counts.closest if math.isfinite(counts.closest) else None,
        memory=estimated(config, parameters, largest, atoms, wide, near),
    )


def number_of_parameters(config: DPA2Config) -> int:
    """Return how many numbers of a model are trained."""
    counts: list[int] = []

    def count(leaf: Leaf, array) -> object:
        counts.append(math.prod(array.shape) if trainable(config, leaf) else 0)
        return array

    map_roles(count, skeleton(config))
    return sum(counts)


def system_reports(config: DPA2Config, source: Source, limit: float = 0.0) -> Iterator[SystemReport]:
    """A report of each system, whose first frame is checked against what the model takes.

    limit: Å; frames with a closer pair of atoms are left out.
    """
    sampler = source.sampler
    rules = zip(sampler.sizes, sampler.batches, sampler.probabilities, strict=True)
    for system, (size, batches, chance) in zip(source.systems, rules, strict=True):
        first = system.frame(0)
        check_system(config, first.system, first.name)
        labels = tuple(name for name in LABELS if system.has(name))
        left_out = sum(too_close(config, frame, limit) for frame in all_frames([system])) if limit > 0 else 0
        yield SystemReport(system.name, len(system), system.atoms, size, batches, chance, labels, left_out)


def block_reports(config: DPA2Config, counts: NeighborCounts) -> Iterator[BlockReport]:
    """The largest numbers of neighbours beside what each list of the model holds."""
    for name, (cutoff, number) in Cutoffs.of(config).lists.items():
        if cutoff > 0:
            most = counts.most[cutoff]
            yield BlockReport(name, cutoff, number, most.count, most.frame, most.atom)
