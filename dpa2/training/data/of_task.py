"""The data of a task of a script: to train on, and to validate on."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...config import DPA2Config
from ..script.loss import LossSection
from ..script.script import Script
from ..script.selections import with_any_numbers
from ..script.tasks import Task
from .source import Source, read_source, require_known_labels


@dataclass(frozen=True)
class TaskData:
    """A task with its sources; labels: names of those that its loss asks for."""

    task: Task
    labels: tuple[str, ...]
    training: Source
    validation: Source | None


def read_task_data(script: Script, task: Task) -> TaskData:
    """Return the data of a task, read and checked.

    Raises the errors of `read_source`, and `InputError` for a label that the loss asks for and no system has.
    """
    types = provisional_config(script, task.head).types
    labels = task.loss.labels
    place = "training" if task.head is None else f"training.data_dict.{task.head}"
    training = read_source(task.training_data, types, labels, f"{place}.training_data")
    require_known_labels(training, labels, optional_labels(task.loss))
    if task.validation_data is None:
        return TaskData(task, labels, training, None)
    validation = read_source(task.validation_data, types, labels, f"{place}.validation_data")
    return TaskData(task, labels, training, validation)


def provisional_config(script: Script, head: str | None) -> DPA2Config:
    """Return the configuration of a head, with some numbers of neighbours where the script leaves them to the data."""
    return replace(script, model=with_any_numbers(script.model)).config(head)


def optional_labels(loss: LossSection) -> tuple[str, ...]:
    """Return the labels for which a loss takes 1 where the data do not have them."""
    return ("energy_coefficients", "force_weights") if loss.use_default_pf else ("energy_coefficients",)
