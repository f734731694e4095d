"""Results of models that predict something else than energies: rows, and cells of a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..config import DPA2Config
from ..surveys.accuracy.quantities import key_of, label_of

MOST_COMPONENTS = 9  # that a table of frames shows


def value_row(config: DPA2Config, found: Any, real: np.ndarray, to_numpy: Any) -> dict:
    """Return the part of a row that one evaluation gives: the value, and those of atoms."""
    key = key_of(config)
    whole, of_atoms = map(to_numpy, found.named().values())
    return {"value": key, "atoms": int(real.sum()), key: whole, f"atom_{key}": of_atoms}


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
