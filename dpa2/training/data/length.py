"""The length of a training, and the probability of each head.

Source: sections 5.4 and 10 of the specification of training.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..script.script import Script
from .source import Source


@dataclass(frozen=True)
class Length:
    """The number of steps, and the probability of each task."""

    steps: int
    probabilities: tuple[float, ...]


def length_of(script: Script, sources: Sequence[Source]) -> Length:
    """Return the length of the training that a script describes; sources: the training data of each task."""
    epochs = [task.epochs for task in script.tasks]
    if all(number is not None for number in epochs):
        asked = [float(n or 0.0) * source.epoch for n, source in zip(epochs, sources, strict=True)]
        return Length(math.ceil(sum(asked)), shares_of(asked))
    shares = [task.share if task.share is not None else len(s.systems) for task, s in zip_tasks(script, sources)]
    course = script.course
    if course.numb_steps is not None:
        return Length(course.numb_steps, shares_of(shares))
    return Length(math.ceil((course.numb_epoch or 0.0) * sources[0].epoch), shares_of(shares))


def zip_tasks(script: Script, sources: Sequence[Source]):
    """Each task with its training data."""
    return zip(script.tasks, sources, strict=True)


def shares_of(numbers: Sequence[float]) -> tuple[float, ...]:
    """Return numbers divided by their sum.

    >>> shares_of([1, 3])
    (0.25, 0.75)
    """
    total = sum(numbers)
    return tuple(number / total for number in numbers)
