"""A training of DeePMD-kit's PyTorch trainer, from its checkpoint."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ... import serialization
from ...backends.differentiation import OptimizerSettings
from ...errors import UnsupportedModel
from ...model.model import Model
from ...serialization import Adam, Moments, Progress
from ..steps.parameters import ALONE, Parameters, parameters_of


@dataclass(frozen=True, eq=False, repr=False)
class ReferenceState:
    """A training between two steps, as a checkpoint of the reference has it.

    models: by the names of their heads, "" for a model alone; arrays that heads share are the same objects. state: as
    `Trainer.restore` takes it; zeros for a parameter that had no step. step: the index, counted from 0, with which a
    restart begins; the reference writes that of the last step, and repeats it. rate: of that step. start_rate: the
    learning rate at which its schedule began. optimizer: its settings; PyTorch before 2.7 does not note that an Adam is
    AdamW. not_trained: names of parameters that had steps there, but are frozen here.
    """

    models: dict[str, Model]
    state: dict[str, np.ndarray]
    step: int
    rate: float
    start_rate: float
    optimizer: OptimizerSettings
    not_trained: tuple[str, ...]

    def __repr__(self) -> str:
        heads = ", ".join(self.models) or "one model"
        return f"ReferenceState({heads}; step {self.step})"


def read_reference(
    file: str | os.PathLike[str],
    backend: str = "torch",
    dtype: Any = None,
    device: str | None = None,
    average: bool = False,
) -> ReferenceState:
    """Return the training in a checkpoint (`.pt`) of DeePMD-kit's PyTorch trainer. Nothing in the file is run.

    Parameters
    ----------
    file, backend, dtype, device
        As for `dpa2.load`.
    average
        Whether `state` is that of a training with a moving average: the one of the file, or, if it has none, one that
        begins at the weights.

    Raises
    ------
    UnsupportedModel
        The file has no optimizer, or another than Adam and AdamW, or is no checkpoint of that trainer, or has a head
        that predicts something unknown (facts: file, what).
    FormatError
        The optimizer does not fit the model, or the file is damaged (facts: file).
    ConfigurationError
        Nothing of the model is trained. And all errors of `dpa2.load`.
    """
    contents = serialization.contents(file)
    if contents.others():
        what = contents.others()[2:]
        raise UnsupportedModel(f"{file}: {what}; such heads are not trained", file=str(file), what=what)
    checkpoints = {head: serialization.read_from(contents, file, head) for head in contents.models}
    progress = serialization.read_progress(contents, file, checkpoints)
    done: dict[Any, Any] = {}
    models = {
        ALONE if head is None else head: Model.from_checkpoint(c, backend, dtype, device, str(file), done)
        for head, c in checkpoints.items()
    }
    found = state_of(models, progress)
    return replace(found, state=found.state | averages(found.state, models, progress)) if average else found


def averages(state: Mapping[str, np.ndarray], models: dict[str, Model], progress: Progress) -> dict[str, np.ndarray]:
    """Return the moving average of each parameter of a state; its weight where there is none."""
    tensors = progress.average.tensors if progress.average else {}
    found: dict[str, np.ndarray] = {}
    for head, names in parameters_of(models).names.items():
        own = tensors.get(None if head == ALONE else head, {})
        for path, name in names.items():
            weight = state[f"weights/{name}"]
            found[f"average/{name}"] = own.get(path, weight).astype(weight.dtype)
    return found


def state_of(models: dict[str, Model], progress: Progress) -> ReferenceState:
    """Return a training of some models from what a checkpoint has beside them."""
    adam = progress.adam
    parameters = parameters_of(models)
    found: dict[str, Moments] = dict(by_name(parameters, adam))
    state: dict[str, np.ndarray] = {}
    backend = next(iter(models.values())).backend
    for name, array in parameters.arrays.items():
        weight = np.array(backend.to_numpy(array))
        own = found.pop(name, Moments(weight * 0, weight * 0, 0))
        state |= {f"weights/{name}": weight, f"updates/{name}": np.asarray(own.steps)}
        state |= {f"moment1/{name}": own.first.astype(weight.dtype), f"moment2/{name}": own.second.astype(weight.dtype)}
    settings = OptimizerSettings(*adam.betas, adam.decay, adam.decoupled)
    rates = progress.rate, adam.start_rate
    return ReferenceState(models, state, progress.step, *rates, settings, tuple(found))


def by_name(parameters: Parameters, adam: Adam) -> Iterator[tuple[str, Moments]]:
    """The moments of each parameter by its name; those of what is frozen by the name in the first head."""
    for task, moments in adam.moments.items():
        head = ALONE if task is None else task
        names: Mapping[str, str] = parameters.names[head]
        for path, own in moments.items():
            yield names.get(path, f"{head}/{path}" if head else path), own
