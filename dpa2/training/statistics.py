"""The statistics that a model takes from data before the first step; they can be kept in a file.

Source: sections 6.3 and 7.1 of the specification of training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..model.model import Model
from ..model.output_bias import labelled_systems, solve, type_counts
from ..model.parameter_statistics import SMALLEST, parameter_normalisation
from ..model.statistics import Columns, Moments, environment_moments, normalisation, with_weights
from ..nn.arrays import Float
from ..structures.datasets import Frame

COLUMNS = ("radial", "angular")


@dataclass(frozen=True, eq=False)
class DataStatistics:
    """Statistics of some frames.

    moments: of the environment rows of each block. parameters: normalisation of frame and atomic parameters, under the
    names of the tensors. bias: energy of each type, eV. deviation: of what the bias leaves of the energies, eV.
    """

    moments: dict[str, Columns]
    parameters: dict[str, np.ndarray]
    bias: Float[np.ndarray, "type"]
    deviation: Float[np.ndarray, "type"]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return plain arrays by name, for a file."""
        found = {"bias": self.bias, "deviation": self.deviation}
        for block, columns in self.moments.items():
            for name in COLUMNS:
                own: Moments = getattr(columns, name)
                found[f"{block}.{name}"] = np.stack([own.count, own.total, own.squares], axis=1)
        return found | {f"parameters.{name}": array for name, array in self.parameters.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> DataStatistics:
        """Return the statistics that `to_arrays` wrote; a `KeyError` names an array that is missing."""
        blocks = dict.fromkeys(n.partition(".")[0] for n in arrays if n.endswith(tuple(f".{c}" for c in COLUMNS)))
        moments = {b: Columns(*(Moments(*np.transpose(arrays[f"{b}.{c}"])) for c in COLUMNS)) for b in blocks}
        own = {n.removeprefix("parameters."): a for n, a in arrays.items() if n.startswith("parameters.")}
        return cls(moments, own, np.asarray(arrays["bias"]), np.asarray(arrays["deviation"]))


def statistics_of(model: Model, frames: Sequence[Frame], smallest: float = SMALLEST) -> DataStatistics:
    """Return the statistics of some frames for a model that is fresh.

    smallest: the least deviation of parameters (`data_stat_protect`).

    Raises `InputError` if there are no frames, or none with an energy.
    """
    if not frames:
        raise InputError("there are no frames to take statistics from", argument="frames")
    systems, energies = labelled_systems(model, frames)
    bias, deviation = solve(type_counts(systems, model.config), energies, model.config)
    parameters = parameter_normalisation(model.config, frames, smallest)
    return DataStatistics(environment_moments(model, frames), parameters, bias, deviation)


def with_statistics(model: Model, own: DataStatistics, moments: dict[str, Columns] | None = None) -> Model:
    """Return the model with its statistics.

    moments: of all data that the descriptor sees, where heads share it; its own if None.
    """
    environments = normalisation(own.moments if moments is None else moments, model.config)
    return with_weights(model, environments | own.parameters | {"bias": own.bias, "deviation": own.deviation})
