"""From a script to a training that is ready for its next step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...backends.ranks import together
from ...config import DPA2Config
from ...errors import InputError
from ...model.model import Model
from ...serialization.comparison import differing
from ...serialization.formats.training_state import SUFFIX, SavedTraining
from ...structures.datasets import Frame
from ..data.feed import Feed
from ..data.kept_lists import KeptLists
from ..loop.state_file import is_state, read_saved, state_of
from ..plan import Plan, TaskPlan
from ..preparation import sampled_frames
from ..reference import read_reference
from ..start import Start, finetuned, fresh, initialized, with_data
from ..steps.copies import from_first
from .options import Options
from .origin import File, Origin
from .training import Training

GO_ON = "a training goes on with the model that it had; see --init-model and --finetune"


def prepare(
    plan: Plan, origin: Origin | None = None, backend: str = "torch", device: str | None = None,
    options: Options | None = None,
) -> Training:  # fmt: skip
    """Return a training that is ready for its next step.

    Parameters
    ----------
    plan
        What the script says and its data are.
    origin
        What it starts from; random weights if None.
    backend, device
        As for `dpa2.load`; "torch" or "jax".
    options
        What the script leaves open.

    Raises
    ------
    InputError
        A file does not fit the script or the data. And all errors of reading the files.
    """
    origin, options = origin or Origin(), options or Options()
    device = options.ranks.devices[0] or device
    if origin.restart is not None:
        file = origin.restart
        return together(options.ranks, lambda: resume(plan, file, backend, device, options))
    return begin(plan, together(options.ranks, lambda: start_of(plan, origin, backend, device)), options)


def start_of(plan: Plan, origin: Origin, backend: str, device: str | None) -> Start:
    """Return the models that a training begins with, and what the data decide about them."""
    given: dict[str, Any] = {"force": origin.force_load, "backend": backend, "device": device}
    if origin.init_model is not None:
        return initialized(plan.script, origin.init_model, **given)
    if origin.init_frz_model is not None:
        return initialized(plan.script, origin.init_frz_model, strict=False, **given)
    if origin.finetune is not None:
        return finetuned(plan.script, origin.finetune, origin.model_branch, **given)
    return fresh(plan.script, backend, device)


def begin(plan: Plan, start: Start, options: Options | None = None) -> Training:
    """Return a training that begins with the models of a start, to which the data add what they decide.

    Of several ranks, the data of the first one decide.
    """
    options = options or Options()
    ranks = options.ranks
    samples = {task.name: lambda task=task: sample(plan, task, ranks.count) for task in plan.tasks}
    chances = {task.name: task.probability for task in plan.tasks}
    models = from_first(ranks, start.models, lambda: with_data(start, samples, chances))
    ready = {head: with_notes(plan, head, model) for head, model in models.items()}
    return together(ranks, lambda: Training(plan, ready, options))


def sample(plan: Plan, task: TaskPlan, ranks: int = 1) -> Sequence[Frame]:
    """Return the frames of a head that statistics are taken from: of several ranks, those of the first."""
    data, settings = task.data, task.data.task
    source, limit = data.training.share(0, ranks), settings.training_data.min_pair_dist
    feed = Feed(task.config, source, data.labels, KeptLists(task.config), limit)
    return sampled_frames(feed, settings.statistics.data_stat_nbatch, plan.script.course.seed)


def with_notes(plan: Plan, head: str, model: Model) -> Model:
    """Return a model that notes the smallest distance in its data."""
    counts = plan.task(head).counts
    known = {} if counts is None else {"min_distance": counts.closest}
    return replace(model, metadata=dict(model.metadata) | known)


def resume(plan: Plan, file: File, backend: str, device: str | None = None, options: Options | None = None) -> Training:
    """Return a training that goes on from a checkpoint: one of `dpa2 train` to the bit, on the same library.

    A checkpoint of DeePMD-kit says nothing about which batches were drawn; batches begin anew.
    """
    path = state_file(file)
    if not is_state(path):
        found = read_reference(path, backend, device=device, average=plan.script.course.enable_ema)
        models, state, notes = found.models, found.state, {"step": found.step}
    else:
        saved = read_saved(path)
        models, state, notes = models_of(saved, str(path), backend, device), state_of(saved), dict(saved.notes)
    require_same(plan, models, str(file))
    training = Training(plan, models, options)
    training.restore(state, notes)
    return training


def state_file(given: File) -> Path:
    """Return the file that is meant: itself, or with the suffix of states."""
    path = Path(given)
    with_suffix = path.with_name(path.name + SUFFIX)
    return with_suffix if not path.is_file() and with_suffix.is_file() else path


def models_of(saved: SavedTraining, file: str, backend: str, device: str | None) -> dict[str, Model]:
    """Return the models of a checkpoint on a library; arrays that they share stay shared."""
    moved: dict[Any, Any] = {}
    return {h: Model.from_checkpoint(m, backend, None, device, file, moved) for h, m in saved.models.items()}


def require_same(plan: Plan, models: Mapping[str, Model], file: str) -> None:
    """Raise `InputError` where the models of a checkpoint are not those of a script."""
    wanted = {task.name: task.config for task in plan.tasks}
    if set(wanted) != set(models):
        found, asked = (", ".join(sorted(map(repr, heads))) for heads in (models, wanted))
        raise InputError(f"{file}: holds the heads {found}, the script has {asked}: {GO_ON}", argument="restart")
    for head, model in models.items():
        require_same_settings(model.config, wanted[head], file, head)


def require_same_settings(found: DPA2Config, wanted: DPA2Config, file: str, head: str) -> None:
    """Raise `InputError` for the first setting in which a model differs from that of a script."""
    for each in differing(found.to_dict(), wanted.to_dict(), ""):
        where = f"head {head}: " if head else ""
        what = f"{where}{each.path} is {each.first} there and {each.second} in the script"
        raise InputError(f"{file}: is of another model: {what}; {GO_ON}", argument="restart", setting=each.path)
