"""The statistics that a model takes from data before the first step; they can be kept in a file.

Source: sections 6.3 and 7.1 of the specification of training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..errors import InputError
from ..model.model import Model
from ..model.output_bias import labelled_systems, solve, type_counts
from ..model.parameter_statistics import SMALLEST, parameter_moments, parameter_normalisation
from ..model.statistics import Columns, Moments, environment_moments
from ..nn.arrays import Float
from ..structures.datasets import Frame

COLUMNS = ("radial", "angular")
PARAMETERS = "parameter_moments"


@dataclass(frozen=True, eq=False)
class DataStatistics:
    """Statistics of some frames.

    moments: of the environment rows of each block. parameters: normalisation of frame and atomic parameters, under the
    names of the tensors. bias: energy of each type, eV. deviation: of what the bias leaves of the energies, eV.
    parameter_moments: of "frame" and "atom" parameters, by which those of several heads are joined; empty where a file
    was written without them.
    """

    moments: dict[str, Columns]
    parameters: dict[str, np.ndarray]
    bias: Float[np.ndarray, "type"]
    deviation: Float[np.ndarray, "type"]
    parameter_moments: dict[str, Moments] = field(default_factory=dict)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return plain arrays by name, for a file."""
        found = {"bias": self.bias, "deviation": self.deviation}
        for block, columns in self.moments.items():
            for name in COLUMNS:
                found[f"{block}.{name}"] = as_columns(getattr(columns, name))
        found |= {f"{PARAMETERS}.{kind}": as_columns(own) for kind, own in self.parameter_moments.items()}
        return found | {f"parameters.{name}": array for name, array in self.parameters.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> DataStatistics:
        """Return the statistics that `to_arrays` wrote; a `KeyError` names an array that is missing."""
        blocks = dict.fromkeys(n.partition(".")[0] for n in arrays if n.endswith(tuple(f".{c}" for c in COLUMNS)))
        moments = {b: Columns(*(Moments(*np.transpose(arrays[f"{b}.{c}"])) for c in COLUMNS)) for b in blocks}
        own = {n.removeprefix("parameters."): a for n, a in arrays.items() if n.startswith("parameters.")}
        joined = {
            n.removeprefix(f"{PARAMETERS}."): Moments(*np.transpose(a))
            for n, a in arrays.items()
            if n.startswith(f"{PARAMETERS}.")
        }
        return cls(moments, own, np.asarray(arrays["bias"]), np.asarray(arrays["deviation"]), joined)


def as_columns(moments: Moments) -> Float[np.ndarray, "row 3"]:
    """Return count, sum and sum of squares as the columns of an array."""
    return np.stack([moments.count, moments.total, moments.squares], axis=1)


def statistics_of(model: Model, frames: Sequence[Frame], smallest: float = SMALLEST) -> DataStatistics:
    """Return the statistics of some frames for a model that is fresh.

    smallest: the least deviation of parameters (`data_stat_protect`).

    Without energies the bias is 0, or what the configuration presets, and its deviation is 1.

    Raises `InputError` if there are no frames.
    """
    if not frames:
        raise InputError("there are no frames to take statistics from", argument="frames")
    bias, deviation = bias_of(model, frames)
    parameters = parameter_normalisation(model.config, frames, smallest)
    moments = environment_moments(model, frames)
    return DataStatistics(moments, parameters, bias, deviation, parameter_moments(model.config, frames))


def bias_of(model: Model, frames: Sequence[Frame]) -> tuple[Float[np.ndarray, "type"], Float[np.ndarray, "type"]]:
    """Return the energy of each type, and the deviation of what it leaves of the energies."""
    if not has_energies(frames):
        preset = model.config.preset_bias or [None] * len(model.type_map)
        return np.array([b or 0.0 for b in preset]), np.ones(len(preset))
    systems, energies = labelled_systems(model, frames)
    return solve(type_counts(systems, model.config), energies, model.config)


def has_energies(frames: Sequence[Frame]) -> bool:
    """Return whether any of some frames has an energy."""
    return any(frame.energy is not None for frame in frames)
