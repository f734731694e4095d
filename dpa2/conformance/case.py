"""One intermediate of one vector that differs: found and expected numbers, and what is known of their slots."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..tracing.intermediates import slot_axes
from ..tracing.masks import meaningful
from .comparison import fitted, smallest_scale
from .results import Checked


@dataclass(frozen=True)
class Case:
    """One intermediate of one vector that differs: both arrays, and where they mean something."""

    checked: Checked
    name: str
    expected: np.ndarray
    found: np.ndarray
    used: np.ndarray

    @property
    def scale(self) -> float:
        """The size of a number, to which errors are relative."""
        largest = float(np.abs(np.where(self.used, self.expected, 0.0)).max(initial=0.0))
        return max(largest, smallest_scale(self.name, self.reference))

    @property
    def reference(self) -> dict[str, np.ndarray]:
        """Every expected intermediate of the vector."""
        return self.checked.vector.reference(self.checked.report.dtype)

    def same(self, expected: np.ndarray, found: np.ndarray) -> bool:
        """Return whether two arrays agree within the tolerance, where they mean something and anything is expected."""
        a, b = (np.where(self.used, x, 0.0) for x in (expected, found))
        scale = max(self.scale, float(np.abs(a).max(initial=0.0)))
        return bool(scale > 0 and (np.abs(a - b) <= self.checked.report.tolerance * scale).all() and a.any())

    def slots(self, kind: str = "") -> np.ndarray:
        """Return the list of neighbours to which the slots of the intermediate belong."""
        return self.reference[f"nlist/{slot_axes(self.name)[0]}{kind}"]

    def distances(self) -> np.ndarray:
        """Return the distance of the neighbour in each slot, shaped to be multiplied with the arrays."""
        r = np.linalg.norm(self.slots("_vector"), axis=-1)
        return np.where(r > 0, r, 1.0).reshape(r.shape + (1,) * (self.expected.ndim - 2))

    def switch(self) -> np.ndarray:
        """Return the expected switch of each slot, shaped to be multiplied with the arrays."""
        block = {"ri": "repinit", "tb": "three_body", "rf": "repformer"}[slot_axes(self.name)[0]]
        w = self.reference[f"{block}/sw"]
        return w.reshape(w.shape + (1,) * (self.expected.ndim - 2))

    @property
    def alike(self) -> bool:
        """Return whether as many numbers were found as expected, in the same shape."""
        return self.found.shape == self.expected.shape


@dataclass(frozen=True)
class Claim:
    """A relation in words, and the test of it on a case."""

    words: str
    holds: Callable[[Case], bool]


def case_of(checked: Checked, name: str) -> Case | None:
    """Return the case of an intermediate that was given and differs, or None."""
    report = checked.report
    finding = next((f for f in report.findings if f.name == name and not f.missing), None)
    if finding is None or not finding.differs(report.tolerance):
        return None
    expected = np.asarray(checked.vector.reference(report.dtype)[name], "float64")
    found = fitted(name, np.asarray(checked.given[name]), expected.shape)
    if found.dtype.kind not in "fiu":
        return None
    used = meaningful(name, expected.shape, checked.vector.occupied)
    return Case(checked, name, expected, found.astype("float64"), used)
