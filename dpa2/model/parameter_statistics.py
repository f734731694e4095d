"""Means and deviations of frame and atomic parameters, by which the fitting net normalises them.

Source: section 6.3 of the specification of training.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from ..backends.own_settings import undisturbed
from ..config import DPA2Config
from ..errors import InputError
from ..nn.arrays import Float
from ..structures.datasets import Frame
from .model import Model
from .preparation import check_system
from .statistics import Moments, with_weights

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
    changed: dict[str, np.ndarray] = {}
    for kind, rows in parameter_rows(config, frames).items():
        changed |= under_names(kind, rows.mean(axis=0), np.std(rows, axis=0), smallest)
    return changed


def parameter_moments(config: DPA2Config, frames: Iterable[Frame]) -> dict[str, Moments]:
    """Return the moments of "frame" and "atom" parameters, of those that a model takes."""
    found = {}
    for kind, rows in parameter_rows(config, frames).items():
        counts = np.full(rows.shape[1], float(len(rows)))
        found[kind] = Moments(counts, rows.sum(axis=0), (rows**2).sum(axis=0))
    return found


def normalisation_of_moments(moments: Mapping[str, Moments], smallest: float = SMALLEST) -> dict[str, np.ndarray]:
    """Return means and inverse deviations that follow from moments, under the names of their tensors."""
    changed: dict[str, np.ndarray] = {}
    for kind, own in moments.items():
        variance = own.squares / own.count - own.mean**2
        changed |= under_names(kind, own.mean, np.sqrt(np.maximum(variance, 0.0)), smallest)
    return changed


def parameter_rows(config: DPA2Config, frames: Iterable[Frame]) -> dict[str, Float[np.ndarray, "row parameter"]]:
    """Return the "frame" parameters of all frames and the "atom" parameters of all real atoms that a model takes."""
    fitting = config.fitting
    if not fitting.frame_parameters and not fitting.atom_parameters:
        return {}
    systems = [check_system(config, frame.system, frame.name) for frame in frames]
    if not systems:
        raise InputError("statistics need at least one frame", argument="frames")
    found: dict[str, np.ndarray] = {}
    if fitting.frame_parameters:
        found["frame"] = np.array([s.frame_parameters for s in systems])
    if fitting.atom_parameters:
        rows = [s.atom_parameters[s.types >= 0] for s in systems if s.atom_parameters is not None]
        found["atom"] = np.concatenate(rows)
    return found


def under_names(kind: str, mean, deviation, smallest: float) -> dict[str, np.ndarray]:
    """Return a mean and an inverse deviation under the names of their tensors."""
    return {f"fitting.{kind}_mean": mean, f"fitting.{kind}_scale": 1.0 / np.maximum(deviation, smallest)}
