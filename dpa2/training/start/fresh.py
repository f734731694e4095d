"""A training that starts with random weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ...config.rules import refuse
from ...construction.initialization import fresh_weights
from ...model.model import Model
from ...model.statistics import with_weights
from ...nn.module import leaves
from ...serialization.checkpoint import Checkpoint
from ...serialization.settings.multitask import section_of_head
from ..script.links import read_links
from ..script.script import Script
from ..script.tasks import Task
from ..steps.parameters import ALONE
from .sharing import shared
from .start import SET, FromData, Start


def fresh(script: Script, backend: str = "numpy", device: str | None = None) -> Start:
    """Return the start of a training with random weights.

    Parameters
    ----------
    script
        The settings, with numbers where they had "auto".
    backend, device
        As for `dpa2.load`.

    Returns
    -------
    Start
        Heads share what the script says. All statistics and biases are still to be taken from the data.

    Notes
    -----
    The weights of descriptor and fitting net follow from `seed` in their sections, or from `training.seed`; they are
    those of `dpa2.build`, which are others than those of DeePMD-kit. Without a seed they differ every time.
    """
    links = read_links(script.model)
    models = {task.name: new_model(script, task, backend, device) for task in script.tasks}
    plans = {task.name: all_from_data(models[task.name], task) for task in script.tasks}
    return Start(script, shared(with_cases(models), links), plans, links)


def all_from_data(model: Model, task: Task) -> FromData:
    """Return that all statistics of a model and its bias are taken from data."""
    return FromData(SET, model.type_map, True, task.statistics.data_stat_protect, kept=True)


def new_model(script: Script, task: Task, backend: str, device: str | None) -> Model:
    """Return the model of a head with random weights."""
    config, number = script.config(task.head), script.tasks.index(task)
    seeds = (seed_of(script, task.head, part, number) for part in ("descriptor", "fitting_net"))
    descriptor, rest = (fresh_weights(config, seed) for seed in seeds)
    weights = leaves(replace(rest, descriptor=descriptor.descriptor))
    return Model.from_checkpoint(Checkpoint(config, weights, {}), backend, device=device)


def seed_of(script: Script, head: str | None, part: str, number: int) -> int:
    """Return the seed of the weights of a part: its own, or one that follows from that of the training.

    number: of the head; without seeds of their own, heads begin differently.
    """
    section: Mapping[str, Any] = script.model if head is None else section_of_head(script.model, head)
    own = section[part].get("seed")
    if own is None:
        return int(np.random.SeedSequence(script.course.seed).spawn(number + 1)[number].generate_state(1)[0])
    if isinstance(own, bool) or not isinstance(own, int) or own < 0:
        place = "model" if head is None else f"model.model_dict.{head}"
        refuse(f"{place}.{part}.seed", own, "must be an integer, 0 or more")
    return own


def with_cases(models: Mapping[str, Model]) -> dict[str, Model]:
    """Return models of several heads, each with its number in alphabetical order as its case."""
    numbers = {head: number for number, head in enumerate(sorted(models)) if head != ALONE}
    return {head: with_case(model, numbers[head]) if head in numbers else model for head, model in models.items()}


def with_case(model: Model, number: int) -> Model:
    """Return a model with a case that is 1 at one place, and 0 elsewhere; the model itself if it has no cases."""
    count = model.config.fitting.case_dim
    return with_weights(model, {"fitting.case": np.eye(count)[number]}) if count else model
