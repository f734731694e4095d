"""The labels that a loss compares with: their files, their names in a batch, and their place in a frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from ...structures.datasets import Frame


@dataclass(frozen=True)
class Label:
    """One kind of label.

    file: its file in a set, without `.npy`. field: the field of a `Frame`. per_atom: whether its first axis is that of
    atoms. missing: the number that stands for it in frames that do not have it.
    """

    file: str
    field: str
    per_atom: bool
    missing: float = 0.0

    def of(self, frame: Frame) -> np.ndarray | None:
        """Return the label of a frame as an array; None if it has none."""
        value = getattr(frame, self.field)
        return None if value is None else np.asarray(value, dtype=np.float64)


# By the names that labels have in a batch.
LABELS = {
    "energy": Label("energy", "energy", False),
    "forces": Label("force", "forces", True),
    "virial": Label("virial", "virial", False),
    "atom_energy": Label("atom_ener", "atom_energy", True),
    "force_weights": Label("atom_pref", "atom_pref", True, 1.0),
    "energy_coefficients": Label("atom_ener_coeff", "energy_coefficients", True, 1.0),
    "generalized": Label("drdq", "generalized", True),
}


def require_labels(names: Iterable[str]) -> None:
    """Refuse a name that is none of a label."""
    for name in names:
        if name not in LABELS:
            raise InputError(f"labels: there is no {name!r}; known: {', '.join(LABELS)}", argument="labels")
