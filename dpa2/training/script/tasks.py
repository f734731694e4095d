"""The tasks of a script: one, or one for each head of a multi-task model, with its data, its loss and its share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...config.parsing import declared_types, read_number
from ...config.rules import refuse
from ...errors import meant_perhaps
from ..steps.parameters import ALONE
from .course import StatisticsFile, StatisticsSection
from .data import ALIASES, VALIDATION_ALIASES, TrainingDataSection, ValidationDataSection
from .loss import LossSection, read_loss
from .plain import read_at, require_keys, section_at

DATA = ("training_data", "validation_data", *declared_types(StatisticsFile))  # keys of a task's data


@dataclass(frozen=True)
class Task:
    """The task of one head: its data, statistics and loss.

    head: its name; None in a script of one task. share: its number in `model_prob`. epochs: that in `num_epoch_dict`.
    """

    head: str | None
    training_data: TrainingDataSection
    validation_data: ValidationDataSection | None
    statistics_file: StatisticsFile
    statistics: StatisticsSection
    loss: LossSection
    share: float | None = None
    epochs: float | None = None

    @property
    def name(self) -> str:
        """The name of its head among those of models in training."""
        return ALONE if self.head is None else self.head


def read_tasks(script: dict[str, Any]) -> tuple[Task, ...]:
    """Return the tasks of a script without comments, in alphabetical order of the heads.

    Raises `ConfigurationError` for heads that do not agree between the sections.
    """
    model, training = section_at(script["model"], "model"), section_at(script["training"], "training")
    if "model_dict" not in model:
        refuse_multitask(script, training)
        return (task_of(None, training, "training", script.get("loss", {}), "loss", model, "model"),)
    heads = section_at(model["model_dict"], "model.model_dict")
    if "RANDOM" in heads or not heads:
        refuse("model.model_dict", list(heads), "must name at least one head, and none 'RANDOM'")
    if "loss" in script:
        refuse("loss", script["loss"], "belongs to a script of one task; give loss_dict")
    losses = of_heads(script.get("loss_dict"), "loss_dict", heads)
    data = of_heads(training.get("data_dict"), "training.data_dict", heads)
    shares, epochs = shares_of(training, heads)
    tasks = []
    for head in sorted(heads):
        place, own = f"training.data_dict.{head}", f"model.model_dict.{head}"
        section = section_at(data[head], place)
        require_keys(section, DATA, place)
        settings = defaults(model) | section_at(heads[head], own)
        task = task_of(head, section, place, losses[head], f"loss_dict.{head}", settings, own)
        tasks.append(with_shares(task, shares, epochs))
    refuse_shared_files(tasks)
    return tuple(tasks)


def task_of(head: str | None, data: Any, place: str, loss: Any, at: str, model: dict[str, Any], own: str) -> Task:
    """Return one task from its sections of data, loss and model, with their paths in the script."""
    if "training_data" not in data:
        refuse(f"{place}.training_data", None, "is required and has no default")
    given = data.get("validation_data")
    validation = f"{place}.validation_data"
    file = {key: data[key] for key in declared_types(StatisticsFile) if key in data}
    statistics = {key: model[key] for key in declared_types(StatisticsSection) if key in model}
    return Task(
        head=head,
        training_data=read_at(data["training_data"], TrainingDataSection, f"{place}.training_data", ALIASES),
        validation_data=read_at(given, ValidationDataSection, validation, VALIDATION_ALIASES) if given else None,
        statistics_file=read_at(file, StatisticsFile, place),
        statistics=read_at(statistics, StatisticsSection, own),
        loss=read_loss(loss, at),
    )


def with_shares(task: Task, shares: Mapping[str, float] | None, epochs: Mapping[str, float] | None) -> Task:
    """Return a task with its share of the steps, or its number of epochs, where the script has them."""
    own = [None if numbers is None else numbers[str(task.head)] for numbers in (shares, epochs)]
    return replace(task, share=own[0], epochs=own[1])


def defaults(model: dict[str, Any]) -> dict[str, Any]:
    """Return the keys directly under `model` of a multi-task script, which are defaults for all heads."""
    return {key: value for key, value in model.items() if key not in ("shared_dict", "model_dict")}


def of_heads(value: Any, path: str, heads: Mapping[str, Any]) -> dict[str, Any]:
    """Return a section that must have an entry for each head, and no other."""
    if value is None:
        refuse(path, None, "is required in a multi-task script")
    section = section_at(value, path)
    for name in section:
        if name not in heads:
            refuse(f"{path}.{name}", section[name], f"is no head of the model{meant_perhaps(name, heads)}")
    for head in heads:
        if head not in section:
            refuse(f"{path}.{head}", None, "is missing; every head of model.model_dict must be listed")
    return section


def shares_of(training: dict[str, Any], heads: Mapping[str, Any]) -> tuple[dict | None, dict | None]:
    """Return `model_prob` and `num_epoch_dict`, of which a script has one or none."""
    both = bool(training.get("model_prob")) and bool(training.get("num_epoch_dict"))
    if both:
        refuse("training.model_prob", training["model_prob"], "follows from num_epoch_dict; give one of them")
    found = [numbers_of(training.get(key), f"training.{key}", heads) for key in ("model_prob", "num_epoch_dict")]
    return found[0], found[1]


def numbers_of(value: Any, path: str, heads: Mapping[str, Any]) -> dict[str, float] | None:
    """Return a number for each head that is not negative, not all of them 0; None without a section."""
    if not value:
        return None
    found = {head: read_number(x, f"{path}.{head}") for head, x in of_heads(value, path, heads).items()}
    if min(found.values()) < 0 or not any(found.values()):
        refuse(path, value, "must be numbers that are not negative, and not all 0")
    return found


def refuse_multitask(script: dict[str, Any], training: dict[str, Any]) -> None:
    """Refuse sections of multi-task scripts in a script of one task."""
    given = {f"training.{key}": training.get(key) for key in ("data_dict", "model_prob", "num_epoch_dict")}
    for path, value in (given | {"loss_dict": script.get("loss_dict")}).items():
        if value:
            refuse(path, value, "belongs to a multi-task script, whose model has model_dict")


def refuse_shared_files(tasks: list[Task]) -> None:
    """Refuse one file of statistics for two heads."""
    seen: set[str] = set()
    for task in tasks:
        file = task.statistics_file.stat_file
        if file in seen:
            path = f"training.data_dict.{task.head}.stat_file"
            refuse(path, file, "is the file of another head, too; give each its own")
        seen |= {file} if file else set()
