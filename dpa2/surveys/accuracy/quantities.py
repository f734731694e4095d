"""What a model predicts and data have labels of: energy, forces and virial, or the value of another head."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...config import ENERGY, DPA2Config
from ...errors import InputError
from ...structures.datasets import Frame
from ...structures.system import refuse_not_finite

# Names that results of frames, or files of ASE, have for something else.
TAKEN = {"name", "real", "value", "atoms", "frames"}
TAKEN |= {"energy", "forces", "stress", "virial", "dipole", "pbc", "Lattice", "Properties"}


@dataclass(frozen=True)
class Quantity:
    """One kind of numbers of a frame.

    name: of its labels, as their file is called. key: its name in results. unit: of its numbers. shape: of the numbers
    of a frame, or of each atom with `of_atoms`. field: of a `Frame` and of an `Evaluation`; empty for the value of a
    model that predicts something else than energies. extensive: whether errors divided by the number of atoms are of
    interest, too.
    """

    name: str
    key: str
    unit: str
    shape: tuple[int, ...]
    field: str = ""
    of_atoms: bool = False
    extensive: bool = False

    def __str__(self) -> str:
        """Its name, with the number of its components where models differ in that."""
        return self.name if self.field else f"{self.name} ({math.prod(self.shape)})"

    def label(self, frame: Frame, real: np.ndarray) -> np.ndarray | None:
        """Return the label of a frame, of its real atoms; None if there is none, or no real atom.

        Raises `InputError` for a label of another size, and for numbers that are not finite (facts: system, argument,
        and atom if one is to blame).
        """
        given = getattr(frame, self.field) if self.field else frame.labels.get(self.name)
        if given is None or not real.any():
            return None
        shape = (len(real), *self.shape) if self.of_atoms else self.shape
        numbers = np.asarray(given, dtype=np.float64)
        if numbers.size != math.prod(shape):
            rule = f"{self.name} has {numbers.size} numbers, and the model predicts {math.prod(shape)}"
            raise InputError(f"{frame.name}: {rule}", argument=self.name, system=frame.name)
        numbers = numbers.reshape(shape)
        self.require_finite(numbers, real, frame.name)
        return numbers[real] if self.of_atoms else numbers

    def require_finite(self, numbers: np.ndarray, real: np.ndarray, frame: str) -> None:
        """Refuse labels with a number that is not finite; those of virtual atoms do not count."""
        if self.of_atoms:
            refuse_not_finite(np.where(real[:, None], numbers, 0.0), self.name, frame)
        elif not np.isfinite(numbers).all():
            found = f"{self.name} of {frame}: {numbers.tolist()}; must be finite numbers"
            raise InputError(found, argument=self.name, system=frame)

    def predicted(self, result: Any, to_numpy: Callable, real: np.ndarray) -> np.ndarray:
        """Return the prediction in the result of an evaluation, of real atoms, on the host."""
        value = getattr(result, self.field) if self.field else next(iter(result.named().values()))
        numbers = np.asarray(to_numpy(value), dtype=np.float64)
        return numbers[real] if self.of_atoms else numbers


ENERGIES = (
    Quantity("energy", "energy", "eV", (), "energy", extensive=True),
    Quantity("force", "force", "eV/Å", (3,), "forces", of_atoms=True),
    Quantity("virial", "virial", "eV", (3, 3), "virial", extensive=True),
)
WEIGHTS = Quantity("atom_pref", "atom_pref", "", (1,), "atom_pref", of_atoms=True)  # of the forces on atoms


def quantities_of(config: DPA2Config) -> tuple[Quantity, ...]:
    """Return what a model predicts.

    >>> import dpa2
    >>> [quantity.name for quantity in quantities_of(dpa2.load(dpa2.demo.MODEL).config)]
    ['energy', 'force', 'virial']
    """
    if config.kind == ENERGY:
        return ENERGIES
    return (Quantity(label_of(config), key_of(config), "of the labels", tuple(config.value_shape)),)


def label_of(config: DPA2Config) -> str:
    """Return the name of the labels of a model, and of their file: "dipole", or that of the property itself."""
    return config.fitting.property.name if config.fitting.property else config.kind


def key_of(config: DPA2Config) -> str:
    """Return the key of the value in results: the name of the labels, unless results have something else there."""
    return config.kind if label_of(config) in TAKEN and config.fitting.property else label_of(config)


def labels_of(quantities: Iterable[Quantity], frame: Frame, real: np.ndarray) -> dict[str, np.ndarray]:
    """Return the labels that a frame has by the keys of their quantities; errors are those of `Quantity.label`."""
    found = {quantity.key: quantity.label(frame, real) for quantity in quantities}
    return {key: label for key, label in found.items() if label is not None}


def weights_of(frame: Frame, real: np.ndarray) -> np.ndarray | None:
    """Return the weights of the forces on real atoms, None if a frame has none; may raise as `Quantity.label` does."""
    weights = WEIGHTS.label(frame, real)
    return None if weights is None else weights[:, 0]


def predictions_of(
    quantities: Iterable[Quantity], result: Any, to_numpy: Callable, real: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the predictions in the result of an evaluation by the keys of their quantities."""
    return {quantity.key: quantity.predicted(result, to_numpy, real) for quantity in quantities}
