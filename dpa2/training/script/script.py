"""A whole input script, read and checked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from ...config import ENERGY, DPA2Config
from ...config.parsing import declared_types
from ...config.rules import refuse
from ...serialization import script_to_config
from ..schedules import Schedule, read_schedule
from .course import ALIASES, CourseSection, StatisticsFile
from .links import Link, read_links
from .optimizer import OptimizerSection, read_optimizer
from .plain import read_at, require_keys, section_at, without_comments
from .selections import with_any_numbers
from .tasks import Task, read_tasks
from .unsupported import NO_EFFECT, refuse_left_out, refuse_unsupported, without_effect
from .upgrades import upgraded

TOP = ("model", "learning_rate", "optimizer", "loss", "loss_dict", "training", "validating", "nvnmd")
OF_TASKS = ("training_data", "validation_data", "data_dict", "model_prob", "num_epoch_dict")
TRAINING = {*declared_types(CourseSection), *declared_types(StatisticsFile), *OF_TASKS, *NO_EFFECT, "zero_stage"}


@dataclass(frozen=True)
class Script:
    """The settings of a training.

    Attributes
    ----------
    model
        The section `model` without comments; `config` is what it describes.
    schedule
        Learning rates; of no steps where their number follows from the data.
    optimizer, course
        The settings of these sections; `course` is what `training` says about the training as a whole.
    tasks
        Data and loss of each head, in alphabetical order; one task without a name in most scripts.
    without_effect
        Paths of the keys that are accepted and change nothing.
    given
        The whole script as it was given, for checkpoints.
    """

    model: dict[str, Any]
    schedule: Schedule
    optimizer: OptimizerSection
    course: CourseSection
    tasks: tuple[Task, ...]
    without_effect: tuple[str, ...] = ()
    given: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def heads(self) -> tuple[str, ...]:
        """The names of the heads of a multi-task model; none in a script of one task."""
        return tuple(task.head for task in self.tasks if task.head is not None)

    @property
    def links(self) -> tuple[Link, ...]:
        """The parts of the model that heads share."""
        return read_links(self.model)

    def config(self, head: str | None = None) -> DPA2Config:
        """Return the configuration of the model, or of one head of a multi-task model.

        Raises the errors of `dpa2.script_to_config`; a `nsel` that is "auto" has to be replaced by a number before.
        """
        return script_to_config(self.model, head)


def parse_script(given: dict[str, Any]) -> Script:
    """Return the settings of a script that is given as a dictionary.

    Raises
    ------
    ConfigurationError
        A key is not known, is missing or contradicts another (facts: path, value).
    UnsupportedModel
        The script asks for something that dpa2 does not do (facts: what).
    """
    script = upgraded(section_at(without_comments(given), "script"))
    require_keys(script, TOP, "")
    for name in ("model", "learning_rate", "training"):
        if name not in script:
            refuse(name, None, "is required and has no default")
    refuse_left_out(script)
    training = section_at(script["training"], "training", ALIASES)
    require_keys(training, TRAINING, "training")
    course = {key: value for key, value in training.items() if key in declared_types(CourseSection)}
    script = script | {"training": training}
    found = Script(
        model=section_at(script["model"], "model"),
        schedule=read_schedule(script["learning_rate"]),
        optimizer=read_optimizer(script.get("optimizer", {})),
        course=read_at(course, CourseSection, "training"),
        tasks=read_tasks(script),
        without_effect=without_effect(script),
        given=given,
    )
    check_length(found)
    check_models(found)
    return found


def check_models(script: Script) -> None:
    """Refuse a section `model` that describes no model of energies, whatever its numbers of neighbours will be."""
    ready = replace(script, model=with_any_numbers(script.model))
    configs = {task.head: ready.config(task.head) for task in script.tasks}
    for head, config in configs.items():
        if config.kind != ENERGY:
            path = "model.fitting_net.type" if head is None else f"model.model_dict.{head}.fitting_net.type"
            refuse_unsupported(path, config.kind, "training is not supported for other models than those of energies")
    read_links(script.model)
    check_cases(script, {head: config.fitting.case_dim for head, config in configs.items()})


def check_cases(script: Script, cases: dict[str | None, int]) -> None:
    """Refuse heads with different numbers of cases, or with fewer cases than heads."""
    for head, count in cases.items():
        rule = f"must be the same in all heads, and at least {len(cases)}, their number"
        if script.heads and any(cases.values()) and not count == max(cases.values()) >= len(cases):
            refuse(f"model.model_dict.{head}.fitting_net.dim_case_embd", count, rule)


def check_length(script: Script) -> None:
    """Refuse a training of no length or of two, and a warm-up that is as long as the training."""
    course, epochs = script.course, [task.epochs for task in script.tasks if task.epochs is not None]
    if script.heads and course.numb_epoch is not None:
        refuse("training.numb_epoch", course.numb_epoch, "is of no use with several heads; give num_epoch_dict")
    other, value = ("num_epoch_dict", epochs or None) if script.heads else ("numb_epoch", course.numb_epoch)
    if course.numb_steps is None and value is None:
        refuse("training.numb_steps", None, f"is required, or {other} in its place")
    if course.numb_steps is not None and value is not None:
        refuse(f"training.{other}", value, "stands beside numb_steps; give one of them")
    if course.numb_steps is not None:
        script.schedule.over(course.numb_steps)
