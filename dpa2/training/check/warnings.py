"""Warnings of settings that are allowed in a training and probably not meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..data.labels import LABELS
from ..data.of_task import TaskData, optional_labels
from ..schedules import Exponential
from ..script.loss import SHORT, LossSection
from ..script.script import Script
from .report import SystemReport, TaskReport

FEW = 5  # changes of the rate, below which it is said how few they are


def warnings_of(script: Script, steps: int, data: Sequence[TaskData], tasks: Sequence[TaskReport]) -> tuple[str, ...]:
    """Return what is to be said about a training, in sentences."""
    found = [*of_schedule(script, steps), *of_optimizer(script)]
    for own, task in zip(data, tasks, strict=True):
        where = f"head {task.head}: " if task.head is not None else ""
        found += [where + text for text in (*of_loss(own.task.loss), *of_data(own, task), *of_blocks(task))]
    return tuple(found)


def of_schedule(script: Script, steps: int) -> Iterator[str]:
    """A rate that falls in a few large jumps."""
    schedule = script.schedule.over(steps)
    if isinstance(schedule, Exponential) and not schedule.smooth and 0 < schedule.decay <= FEW * schedule.interval:
        times = (schedule.decay - 1) // schedule.interval
        what = f"the learning rate changes {times} times only, each time to {schedule.factor:.3g} of itself"
        yield f"{what}; see decay_steps"


def of_optimizer(script: Script) -> Iterator[str]:
    """AdamW that decays nothing."""
    if script.optimizer.type == "AdamW" and script.optimizer.weight_decay == 0:
        yield "AdamW decays nothing, because weight_decay is not given; its default is 0 here, as in DeePMD-kit"


def of_loss(loss: LossSection) -> Iterator[str]:
    """Terms that one prefactor of 0 turns off altogether."""
    for name in SHORT:
        pair = getattr(loss, f"start_pref_{name}"), getattr(loss, f"limit_pref_{name}")
        if any(pair) and not all(pair):
            yield f"the loss has no term {name}: one of its prefactors is 0 (start {pair[0]:g}, limit {pair[1]:g})"


def of_data(data: TaskData, task: TaskReport) -> Iterator[str]:
    """Systems without some of the labels, that are never chosen, or of which frames are left out."""
    optional = optional_labels(data.task.loss)
    for system in (*task.training, *task.validation):
        missing = [LABELS[n].file for n in data.labels if n not in system.labels and n not in optional]
        if missing:
            yield f"{system.name} has no {', '.join(missing)}; these terms of the loss are 0 there"
    for system in task.training:
        yield from of_system(system)


def of_system(system: SystemReport) -> Iterator[str]:
    """A system that is never chosen, or of which frames are left out."""
    if system.probability == 0:
        yield f"{system.name} is never chosen: its probability is 0"
    if system.left_out:
        yield f"{system.left_out} of {system.frames} frames of {system.name} are left out by min_pair_dist"


def of_blocks(task: TaskReport) -> Iterator[str]:
    """Lists that hold fewer neighbours than atoms of the data have."""
    for block in task.blocks:
        if block.short:
            what = f"atom {block.atom} of {block.frame} has {block.largest} neighbours within {block.cutoff:g} Å"
            yield f"{what}, {block.block} holds {block.max_neighbors}: the farthest would be dropped"
