"""All that a training reads, read and checked, and reported."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ...batching.table import Cutoffs
from ...config import DPA2Config
from ...construction.build import skeleton
from ...construction.trainability import trainable
from ...model.preparation import check_system
from ...nn.module import Leaf, map_roles
from ...structures.system import checked
from ..course.origin import Origin
from ..data.closest import too_close
from ..data.count import Progress
from ..data.labels import LABELS
from ..data.neighbor_counts import NeighborCounts, all_frames
from ..data.source import Source
from ..plan import Plan, TaskPlan, plan_training
from ..script.script import Script
from .memory import estimated
from .origin import origin_report
from .report import BlockReport, RateReport, Report, SystemReport, TaskReport, TermReport
from .warnings import warnings_of


def check_training(
    script: Script,
    progress: Progress = lambda frames, count: frames,
    origin: Origin | None = None,
    backend: str | None = None,
) -> Report:
    """Return what a training would do, without doing it; arguments and errors are those of `plan_training`.

    origin: what it would start from, which is read, too; errors are then also those of `prepare`. backend: the library
    that would train, on which a checkpoint is restored; JAX if it is installed, or PyTorch, if None.
    """
    return report_of(plan_training(script, progress, memory=0), origin, backend)


def report_of(plan: Plan, origin: Origin | None = None, backend: str | None = None) -> Report:
    """Return what a training is going to do; its neighbours must have been counted."""
    tasks = tuple(task_report(each) for each in plan.tasks)
    script, data = plan.script, [each.data for each in plan.tasks]
    started, said = origin_report(plan, origin or Origin(), backend)
    warnings = (*warnings_of(script, plan.steps, data, tasks), *said)
    return Report(plan.steps, rates_of(plan), script.optimizer.type, tasks, script.without_effect, warnings, started)


def rates_of(plan: Plan) -> tuple[RateReport, ...]:
    """Return the rates of the first step, of the first one after the warm-up, of the middle and of the last one."""
    steps, schedule = plan.steps, plan.schedule
    shown = (0, schedule.warmup, steps // 2, steps - 1) if steps else ()
    return tuple(RateReport(step, schedule.rate(step)) for step in sorted(set(shown)))


def task_report(plan: TaskPlan) -> TaskReport:
    """Return what is known of one task, the model of which has its numbers of neighbours."""
    config, data, counts = plan.config, plan.data, plan.counts
    assert counts is not None
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
        probability=plan.probability,
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
        frames = all_frames([system]) if limit > 0 else ()
        left_out = sum(too_close(checked(frame.system, config.types, frame.name), limit) for frame in frames)
        yield SystemReport(system.name, len(system), system.atoms, size, batches, chance, labels, left_out)


def block_reports(config: DPA2Config, counts: NeighborCounts) -> Iterator[BlockReport]:
    """The largest numbers of neighbours beside what each list of the model holds."""
    for name, (cutoff, number) in Cutoffs.of(config).lists.items():
        if cutoff > 0:
            most = counts.most[cutoff]
            yield BlockReport(name, cutoff, number, most.count, most.frame, most.atom)
