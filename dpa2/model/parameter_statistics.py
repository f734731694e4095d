"""Means and deviations of frame and atomic parameters, by which the fitting net normalises them.

Source: section 6.3 of the specification of training.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..backends.own_settings import undisturbed
from ..config import DPA2Config
from ..errors import InputError
from ..nn.arrays import Float
from ..structures.datasets import Frame
from .model import Model
from .preparation import check_system
from .statistics import with_weights

SMALLEST = 0.01  # the smallest deviation that is kept, unless another is given


@undisturbed
def compute_parameter_statistics(model: Model, frames: Iterable[Frame], smallest: float = SMALLEST) -> Model:
    """Return the model with the normalisation of its parameters computed from frames.

    smallest: the least deviation. Means of frame parameters are over frames, those of atomic ones over real atoms.

    Raises `InputError` for a frame without the parameters, or if there is none.
    """
    return with_weights(model, parameter_normalisation(model.config, frames, smallest))


def parameter_normalisation(
    config: DPA2Config, frames: Iterable[Frame], smallest: float = SMALLEST
) -> dict[str, np.ndarray]:
    """Return means and inverse deviations under the names of their tensors; nothing for a model without parameters."""
    fitting = config.fitting
    if not fitting.frame_parameters and not fitting.atom_parameters:
        return {}
    systems = [check_system(config, frame.system, frame.name) for frame in frames]
    if not systems:
        raise InputError("statistics need at least one frame", argument="frames")
    changed: dict[str, np.ndarray] = {}
    if fitting.frame_parameters:
        changed |= normalisation("frame", np.array([s.frame_parameters for s in systems]), smallest)
    if fitting.atom_parameters:
        rows = [s.atom_parameters[s.types >= 0] for s in systems if s.atom_parameters is not None]
        changed |= normalisation("atom", np.concatenate(rows), smallest)
    return changed


def normalisation(kind: str, rows: Float[np.ndarray, "row parameter"], smallest: float) -> dict[str, np.ndarray]:
    """Mean and inverse deviation of rows of parameters, under the names of their tensors."""
    deviation = np.maximum(np.std(rows, axis=0), smallest)
    return {f"fitting.{kind}_mean": rows.mean(axis=0), f"fitting.{kind}_scale": 1.0 / deviation}
