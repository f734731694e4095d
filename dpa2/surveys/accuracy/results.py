"""Errors of predictions in many frames: mean absolute and root mean square ones, of each system and in all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...nn.arrays import Float
from .points import Collector, Frames, Points
from .quantities import Quantity


@dataclass(frozen=True)
class Measure:
    """A kind of error.

    quantity: what it is of. per_atom: whether it is divided by the number of atoms of its frame. weighted: whether its
    means are those with the weights of forces that data give.
    """

    quantity: Quantity
    per_atom: bool = False
    weighted: bool = False

    @property
    def words(self) -> str:
        """Its name in a table."""
        return f"{self.quantity.key}{' per atom' * self.per_atom}{' weighted' * self.weighted}"

    @property
    def unit(self) -> str:
        """The unit of its numbers."""
        return f"{self.quantity.unit}/atom" if self.per_atom else self.quantity.unit

    def key(self, statistic: str) -> str:
        """The name of a statistic of it in a summary, such as `energy_rmse_per_atom`."""
        return f"{self.quantity.key}_{statistic}{'_per_atom' * self.per_atom}{'_weighted' * self.weighted}"


def measures_of(points: Points) -> Iterator[Measure]:
    """Yield the kinds of errors of a quantity."""
    yield Measure(points.quantity)
    if points.quantity.extensive:
        yield Measure(points.quantity, per_atom=True)
    if points.weights is not None:
        yield Measure(points.quantity, weighted=True)


@dataclass(frozen=True, eq=False, repr=False)
class Accuracy:
    """Errors in many frames.

    Attributes
    ----------
    quantities
        What is predicted.
    type_map
        Names of the types.
    frames
        Names, sources and atoms of all frames, also of those without labels.
    points
        Predictions and labels by the keys of quantities, such as "energy"; without those of which there are no labels.
    """

    quantities: tuple[Quantity, ...]
    type_map: tuple[str, ...]
    frames: Frames
    points: dict[str, Points]

    def __repr__(self) -> str:
        rmses = (f"{n} = {v:.6g}" for n, v in self.summary().items() if "_rmse" in n)
        return f"Accuracy({', '.join([f'{len(self.frames.names)} frames', *rmses])})"

    @property
    def measures(self) -> list[Measure]:
        """The kinds of errors for which there are labels."""
        return [measure for points in self.points.values() for measure in measures_of(points)]

    @cached_property
    def systems(self) -> dict[str, Accuracy]:
        """The errors in the frames of each data folder or structure file, by their names, in order."""
        sources = np.array(self.frames.sources, dtype=object)
        return {name: self.within(sources == name) for name in dict.fromkeys(self.frames.sources)}

    def within(self, chosen: np.ndarray) -> Accuracy:
        """Return the errors in chosen frames; chosen: True or False for each."""
        kept = {key: points.within(chosen) for key, points in self.points.items()}
        here = {key: points for key, points in kept.items() if len(points.frames)}
        return Accuracy(self.quantities, self.type_map, self.frames.within(chosen), here)

    @property
    def unlabelled(self) -> dict[str, int]:
        """The numbers of frames that lack the label of a quantity, by its key; "any": of those without any label."""
        labelled = {
            q.key: set(self.points[q.key].frames.tolist() if q.key in self.points else ()) for q in self.quantities
        }
        count = len(self.frames.names)
        return {
            key: count - len(having) for key, having in (labelled | {"any": set().union(*labelled.values())}).items()
        }

    def errors(self, measure: Measure) -> Float[np.ndarray, "number"]:
        """Return all errors of a kind: of each frame, each component of forces, each component of virials."""
        return self.points[measure.quantity.key].errors(measure.per_atom)

    def summary(self) -> dict[str, float]:
        """Return numbers of frames and atoms, and for each kind of error its mean absolute and root mean square.

        Named `energy_mae`, `energy_rmse`, `energy_mae_per_atom`, `force_rmse`, ...; `energy_frames` is the number of
        frames that have the label. A mean is over all numbers of all frames, each of which counts alike, but in
        `force_mae_weighted` and `force_rmse_weighted`, which exist where frames give weights of forces.
        """
        found: dict[str, float] = {"frames": len(self.frames.names), "atoms": int(self.frames.atoms.sum())}
        for measure in self.measures:
            errors, points = self.errors(measure), self.points[measure.quantity.key]
            weights = points.weights if measure.weighted else None
            found[measure.key("mae")] = float(np.average(np.abs(errors), weights=weights))
            found[measure.key("rmse")] = rmse(errors, weights)
            found[f"{measure.quantity.key}_frames"] = len(points.frames)
        return found


def rmse(errors: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the root mean square of errors, all of which count alike unless there are weights.

    >>> rmse(np.array([3.0, 4.0, 0.0, 0.0])), rmse(np.array([3.0, 1.0]), np.array([1.0, 0.0]))
    (2.5, 3.0)
    """
    return float(np.sqrt(np.average(np.square(errors), weights=weights)))


def result(collected: Collector, type_map: tuple[str, ...]) -> Accuracy:
    """Return the errors of what was collected."""
    found = {quantity.key: collected.points(quantity) for quantity in collected.quantities}
    known = {key: points for key, points in found.items() if points is not None}
    return Accuracy(tuple(collected.quantities), type_map, collected.frames(), known)
