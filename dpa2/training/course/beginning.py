"""From a script to a training that is ready for its first step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

from ...config import DPA2Config
from ...errors import InputError
from ...model.model import Model
from ...serialization.comparison import differing
from ...serialization.formats.training_state import SUFFIX, SavedTraining
from ...structures.datasets import Frame
from ..data.feed import Feed
from ..data.kept_lists import KeptLists
from ..loop.state_file import read_saved, state_of
from ..plan import Plan, TaskPlan
from ..preparation import sampled_frames
from ..start import Start, with_data
from ..steps.parameters import ALONE
from .options import Options
from .training import Training


def begin(plan: Plan, start: Start, options: Options | None = None) -> Training:
    """Return a training that begins with the models of a start, to which the data add what they decide.

    Raises the errors of `with_data` and of `Training`.
    """
    samples = {task.head or ALONE: lambda task=task: sample(plan, task) for task in plan.tasks}
    chances = {task.head or ALONE: task.probability for task in plan.tasks}
    models = with_data(start, samples, chances)
    return Training(plan, {head: with_notes(plan, head, model) for head, model in models.items()}, options)


def sample(plan: Plan, task: TaskPlan) -> Sequence[Frame]:
    """Return the frames of a head that statistics are taken from."""
    data, settings = task.data, task.data.task
    feed = Feed(task.config, data.training, data.labels, KeptLists(task.config), settings.training_data.min_pair_dist)
    return sampled_frames(feed, settings.statistics.data_stat_nbatch, plan.script.course.seed)


def with_notes(plan: Plan, head: str, model: Model) -> Model:
    """Return a model that notes the smallest distance in its data."""
    task = next(task for task in plan.tasks if (task.head or ALONE) == head)
    known = {} if task.counts is None else {"min_distance": task.counts.closest}
    return replace(model, metadata=dict(model.metadata) | known)


def resume(
    plan: Plan, file: str | PathLike[str], backend: str, device: str | None = None, options: Options | None = None
) -> Training:
    """Return a training that goes on from a checkpoint of `dpa2 train`, to the bit on the same library.

    Raises `InputError` where the checkpoint is of other models or data, and the errors of `read_saved`.
    """
    saved = read_saved(state_file(file))
    training = Training(plan, saved_models(plan, saved, str(file), backend, device), options)
    training.restore(state_of(saved), saved.notes)
    return training


def state_file(given: str | PathLike[str]) -> Path:
    """Return the file that is meant: itself, or with the suffix of states."""
    path = Path(given)
    with_suffix = path.with_name(path.name + SUFFIX)
    return with_suffix if not path.is_file() and with_suffix.is_file() else path


def saved_models(plan: Plan, saved: SavedTraining, file: str, backend: str, device: str | None) -> dict[str, Model]:
    """Return the models of a checkpoint, which must be those of the script."""
    wanted = {task.head or ALONE: task.config for task in plan.tasks}
    if set(wanted) != set(saved.models):
        found, asked = (", ".join(sorted(map(repr, heads))) for heads in (saved.models, wanted))
        rule = "a training goes on with the heads that it had; see --init-model and --finetune"
        raise InputError(f"{file}: holds the heads {found}, the script has {asked}: {rule}", argument="restart")
    moved: dict = {}
    for head, model in saved.models.items():
        require_same(model.config, wanted[head], file, head)
    return {h: Model.from_checkpoint(m, backend, None, device, file, moved) for h, m in saved.models.items()}


def require_same(found: DPA2Config, wanted: DPA2Config, file: str, head: str) -> None:
    """Raise `InputError` for the first setting in which the model of a checkpoint differs from that of a script."""
    for each in differing(found.to_dict(), wanted.to_dict(), ""):
        where = f"head {head}: " if head else ""
        what = f"{where}{each.path} is {each.first} there and {each.second} in the script"
        rule = "a training goes on with the model that it had; see --init-model and --finetune"
        raise InputError(f"{file}: is of another model: {what}; {rule}", argument="restart", setting=each.path)
