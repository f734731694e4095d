"""Results of models that predict something else than energies: rows, errors against labels, cells of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..config import ENERGY, DPA2Config
from ..errors import InputError
from ..structures.datasets import Frame

# Names that rows, or files of ASE, have for something else.
TAKEN = {"name", "real", "value", "atoms"}
TAKEN |= {"energy", "forces", "stress", "virial", "dipole", "pbc", "Lattice", "Properties"}
MOST_COMPONENTS = 9  # that a table of frames shows


@dataclass(frozen=True)
class ValueMeasure:
    """The errors of the value of systems, in the unit of its labels."""

    label: str
    unit: str = "of the labels"

    @property
    def words(self) -> str:
        """Its name in a table."""
        return self.label

    def key(self, statistic: str) -> str:
        """The name of a statistic of it in the summary, such as `dipole_rmse`."""
        return f"{self.label}_{statistic}"

    def of(self, row: dict) -> np.ndarray:
        """The errors of all components in a row."""
        return np.asarray(row[f"{self.label}_error"])


def label_of(config: DPA2Config) -> str:
    """Return the name of the labels of a model, and of their file: "dipole", or that of the property itself."""
    return config.fitting.property.name if config.fitting.property else config.kind


def key_of(config: DPA2Config) -> str:
    """Return the key of the value in rows: the name of the labels, unless a row has something else there."""
    return config.kind if label_of(config) in TAKEN and config.fitting.property else label_of(config)


def value_row(config: DPA2Config, frame: Frame, real: np.ndarray, found: Any, to_numpy: Any) -> dict:
    """Results of one evaluation, with their error where the frame has the label."""
    name, key = label_of(config), key_of(config)
    whole, of_atoms = map(to_numpy, found.named().values())
    about = {"name": frame.name, "real": real, "value": key, "atoms": int(real.sum())}
    out = about | {key: whole, f"atom_{key}": of_atoms}
    if name in frame.labels and real.any():
        label = frame.labels[name]
        if label.size != whole.size:
            rule = f"{name} has {label.size} numbers, and the model predicts {whole.size}"
            raise InputError(f"{frame.name}: {rule}", argument=name)
        out[f"{key}_error"] = whole - label.reshape(whole.shape)
    return out


def columns(config: DPA2Config) -> list[str]:
    """Return the headings of the value's components, or one for its size where there are many."""
    name, count = label_of(config), int(np.prod(config.value_shape))
    if config.kind in ("dipole", "polarizability"):
        axes = "xyz" if count == 3 else [a + b for a in "xyz" for b in "xyz"]
        return [f"{name} {axis}" for axis in axes]
    if count > MOST_COMPONENTS:
        return [f"largest of {count} {name}"]
    return [name] if count == 1 else [f"{name} {k}" for k in range(count)]


def cells(config: DPA2Config, row: dict) -> list[str]:
    """Return the numbers under these headings."""
    values, headings = np.ravel(row[key_of(config)]), columns(config)
    shown = values if len(values) == len(headings) else [values[np.abs(values).argmax()]]
    return [f"{value:.6g}" for value in shown]


def measures(config: DPA2Config) -> tuple[ValueMeasure, ...]:
    """Return the kinds of errors of a model that predicts something else than energies."""
    return () if config.kind == ENERGY else (ValueMeasure(key_of(config)),)
