"""Models that take the tensors of a file: whether these fit, and what differs in the settings."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np

from ... import serialization
from ...config import ENERGY, DPA2Config, Fitting
from ...construction.usable import require_usable
from ...errors import InputError, shorten
from ...evaluation.evaluate import in_words
from ...model.model import Model
from ...model.statistics import with_weights
from ...serialization.checkpoint import Checkpoint

DESCRIPTOR = "descriptor."
# Settings of training, and those that are translated or are the script's in any case: they may differ without a word.
OWN = {"types", "trainable", "fitting.trainable", "fitting.bias_cutoff", "preset_bias"}
OWN |= {"repformer.trainable_norm", "repformer.residual_scale", "repformer.residual_init"}
OWN |= {"repinit.zero_mean", "repformer.zero_mean"}


class Pretrained:
    """A file of models: its name, its contents, and its models, each read once."""

    def __init__(self, file: str | PathLike[str]) -> None:
        self.name, self.contents = str(file), serialization.contents(file)
        self.read: dict[str | None, Checkpoint] = {}

    def model(self, head: str | None) -> Checkpoint:
        """Return the model of a head, or of a file of one model; with numbers that can be computed with."""
        if head not in self.read:
            self.read[head] = serialization.read_from(self.contents, self.name, head)
            require_usable(self.read[head].weights, self.name)
        return self.read[head]


def descriptor_of(pretrained: Checkpoint) -> Checkpoint:
    """Return the tensors and settings of the descriptor alone, whatever the model around it predicts."""
    config = replace(pretrained.config, fitting=Fitting(), preset_bias=None)
    weights = {name: array for name, array in pretrained.weights.items() if name.startswith(DESCRIPTOR)}
    return replace(pretrained, config=config, weights=weights)


def with_tensors(
    model: Model, pretrained: Checkpoint, file: str, missing: bool = False, left_over: bool = False
) -> Model:
    """Return a model with the tensors of a file, of which its settings stay.

    pretrained: the tensors, perhaps of the descriptor alone; the types must be those of the model. file: its name, for
    messages. missing: whether tensors that the file lacks keep their values; left_over: whether those that the model
    lacks are left out.

    Raises `InputError` for tensors that do not fit (facts: file, tensor).
    """
    wanted = {name: array.shape for name, array in model.state_dict().items()}
    differing = differences(pretrained.config, model.config)
    if all(name.startswith(DESCRIPTOR) for name in pretrained.weights):
        wanted = {name: shape for name, shape in wanted.items() if name.startswith(DESCRIPTOR)}
        differing = {name: values for name, values in differing.items() if not name.startswith("fitting.")}
    for name, shape in wanted.items():
        found = pretrained.weights.get(name)
        if found is None and not missing:
            refuse(file, name, f"is missing there, and the model has it, of shape {tuple(shape)}", differing)
        if found is not None and found.shape != tuple(shape):
            refuse(file, name, f"has shape {found.shape} there and {tuple(shape)} in the model", differing)
    for name in () if left_over else sorted(set(pretrained.weights) - set(wanted)):
        refuse(file, name, "is there, and the model has none", differing)
    taken: dict[str, np.ndarray] = {name: x for name, x in pretrained.weights.items() if name in wanted}
    warn_of(file, differing)
    return with_weights(model, taken)


def differences(there: DPA2Config, here: DPA2Config) -> dict[str, tuple[Any, Any]]:
    """Return the settings that differ between a file and a script, with both values."""
    first, second = flat(there.to_dict()), flat(here.to_dict())
    names = dict.fromkeys([*first, *second])
    return {n: (first.get(n), second.get(n)) for n in names if n not in OWN and first.get(n) != second.get(n)}


def flat(settings: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Return the settings of all sections by their paths."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        found |= flat(value, f"{path}{name}.") if isinstance(value, Mapping) else {f"{path}{name}": value}
    return found


def require_energies(pretrained: Checkpoint, file: str) -> None:
    """Refuse a model that predicts something else, if more than its descriptor is wanted."""
    if pretrained.config.kind != ENERGY:
        what = f"predicts {in_words(pretrained.config)}, not energies; the branch RANDOM takes its descriptor alone"
        raise InputError(f"{file}: {what}", argument="file", file=file)


def refuse(file: str, tensor: str, what: str, differing: Mapping[str, tuple[Any, Any]]) -> None:
    """Raise an `InputError` for a tensor that does not fit, with the settings that may be the reason."""
    reason = f"; settings that differ: {listed(differing)}" if differing else ""
    message = f"{file}: does not fit the script: tensor {tensor} {what}{reason}"
    raise InputError(message, argument="file", file=file, tensor=tensor)


def warn_of(file: str, differing: Mapping[str, tuple[Any, Any]]) -> None:
    """Warn of settings that differ though the tensors fit."""
    if differing:
        what = f"settings differ from those of the script, which hold from now on: {listed(differing)}"
        warnings.warn(f"{file}: {what}", stacklevel=4)


def listed(differing: Mapping[str, tuple[Any, Any]]) -> str:
    """Return settings with both of their values, in words."""
    return ", ".join(f"{name} = {shorten(a)} there, {shorten(b)} in the script" for name, (a, b) in differing.items())
