"""A training as a checkpoint with which DeePMD-kit's PyTorch trainer goes on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ... import serialization
from ...backends.differentiation import OptimizerSettings
from ...errors import InputError
from ...model.model import Model
from ...serialization import Adam, Average, Moments, Progress
from ..steps.parameters import ALONE, Parameters, parameters_of


def write_reference(
    file: str | os.PathLike[str],
    models: Mapping[str, Model],
    state: Mapping[str, np.ndarray],
    step: int,
    *,
    rate: float,
    start_rate: float,
    optimizer: OptimizerSettings | None = None,
    average_decay: float | None = None,
    overwrite: bool = True,
) -> None:
    """Write a training as a checkpoint (`.pt`), which `dp --pt train` takes with --restart, --init-model, --finetune.

    Parameters
    ----------
    file
        The new file, which appears as a whole or not at all.
    models
        The models as they are now (`Trainer.trained`), by the names of their heads, "" for a model alone. Heads must
        stand in the order of `model_dict` in the script, since the reference knows parameters by their numbers.
    state
        Of a `Trainer`: the moments and counts, and the moving average, are taken from it.
    step
        The index, counted from 0, with which a restart begins; the reference writes that of the last step it did.
    rate
        The learning rate of the last step.
    start_rate
        The learning rate of the script at which the schedule begins, which is noted in the file.
    optimizer
        Adam or AdamW. A restart there takes its settings from the file, not from the script.
    average_decay
        The share that the moving average keeps in each step; None if there is none.
    overwrite
        Whether an existing file is replaced.

    Raises
    ------
    InputError
        The suffix is another, `state` lacks a parameter or has it in another shape, or the heads do not belong together
        (facts: argument).
    TargetLacks
        A model has something that the format cannot hold.
    WriteFailed
        The system does not let the file be written (facts: file, reason).
    """
    settings = optimizer or OptimizerSettings()
    parameters = parameters_of(models)
    moments = moments_of(parameters, state)
    betas = settings.beta1, settings.beta2
    adam = Adam(moments, betas, settings.decay, settings.decoupled, start_rate, rate)
    average = None if average_decay is None else Average(averages_of(parameters, state), average_decay)
    done: dict[Any, Any] = {}
    checkpoints = {None if head == ALONE else head: model.checkpoint(done) for head, model in models.items()}
    serialization.write_checkpoints(checkpoints, file, overwrite, Progress(step, rate, adam, average))


def moments_of(parameters: Parameters, state: Mapping[str, np.ndarray]) -> dict[str | None, dict[str, Moments]]:
    """Return the moments of each head's tensors; of those that had a step."""
    for name, array in parameters.arrays.items():
        for kind, shape in (("moment1", array.shape), ("moment2", array.shape), ("updates", ())):
            require(f"{kind}/{name}", tuple(shape), state)
    found: dict[str | None, dict[str, Moments]] = {}
    for head, names in parameters.names.items():
        own = found.setdefault(None if head == ALONE else head, {})
        for path, name in names.items():
            steps = int(state[f"updates/{name}"])
            if steps:
                own[path] = Moments(state[f"moment1/{name}"], state[f"moment2/{name}"], steps)
    return found


def averages_of(parameters: Parameters, state: Mapping[str, np.ndarray]) -> dict[str | None, dict[str, np.ndarray]]:
    """Return the moving average of each head's tensors."""
    for name, array in parameters.arrays.items():
        require(f"average/{name}", tuple(array.shape), state)
    heads = {None if head == ALONE else head: names for head, names in parameters.names.items()}
    return {head: {path: state[f"average/{name}"] for path, name in names.items()} for head, names in heads.items()}


def require(entry: str, shape: tuple[int, ...], state: Mapping[str, np.ndarray]) -> None:
    """Raise `InputError` where a state lacks an entry, or has it in another shape."""
    found = state.get(entry)
    if found is None or np.shape(found) != shape:
        what = "is missing" if found is None else f"has shape {np.shape(found)}, must have {shape}"
        raise InputError(f"state: {entry} {what}", argument="state", tensor=entry)
