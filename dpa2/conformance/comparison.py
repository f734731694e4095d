"""Two evaluations side by side: which intermediate is the first that differs, where, and by how much.

Errors are relative to the largest entry of a tensor (trap T28): entries near a cutoff are differences of numbers of
order 1, and say nothing one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..tracing.intermediates import position, row, slot_axes
from ..tracing.masks import meaningful

TOLERANCES = {"float64": 1e-12, "float32": 3e-5}
DERIVATIVES = ("force", "virial", "atom_virial")  # whose rounding is that of energies, also where they vanish
FLAT = (*DERIVATIVES, "energy", "atom_energy")  # in which axes of length 1, and pairs of axes, are a matter of taste
FAINT = 1e-3  # Å⁻¹ or 1: of the largest atomic energy, below which derivatives are nothing
AXES = {"atom": "atom", "type": "row", "pair": "row"}  # words for the first axis of an intermediate
Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Finding:
    """One intermediate: its error, and where that is largest. `missing` if it was not given."""

    name: str
    error: float = 0.0
    ulps: float = 0.0
    index: tuple[int, ...] = ()
    expected: float = 0.0
    found: float = 0.0
    missing: bool = False
    reason: str | None = None
    empty_differ: bool = False

    def differs(self, tolerance: float) -> bool:
        """Whether it is wrong."""
        return self.reason is not None or not self.error <= tolerance

    @property
    def place(self) -> str:
        """The index in words."""
        first, count = row(self.name).axes.partition(" ")[0], len(slot_axes(self.name))
        if first not in AXES:
            return f"component {self.index[-1]}"
        neighbors = ["neighbour"] if count == 1 else ["neighbour a", "neighbour b"][:count]
        words = [AXES[first], *neighbors, *["channel"] * len(self.index)]
        return ", ".join(f"{word} {k}" for word, k in zip(words, self.index, strict=False))


def compare(reference: Arrays, candidate: Arrays, slots: dict[str, np.ndarray]) -> list[Finding]:
    """A finding for each intermediate of the reference, in the order of computation."""
    return [compare_one(name, reference, candidate.get(name), slots) for name in sorted(reference, key=position)]


def compare_one(name: str, reference: Arrays, found, slots: dict[str, np.ndarray]) -> Finding:
    """One intermediate."""
    expected = np.asarray(reference[name])
    if found is None:
        return Finding(name, missing=True)
    found = fitted(name, np.asarray(found), expected.shape)
    if found.shape != expected.shape:
        hint = " (transposed?)" if sorted(found.shape) == sorted(expected.shape) else ""
        return Finding(name, error=np.inf, reason=f"shape {found.shape}, expected {expected.shape}{hint}")
    if found.dtype.kind not in "fiu":
        return Finding(name, error=np.inf, reason=f"holds {found.dtype} where numbers are expected")
    faint = FAINT * float(np.abs(reference["atom_energy"]).max()) if name in DERIVATIVES else 0.0
    return measured(name, expected, found, meaningful(name, expected.shape, slots), faint)


def fitted(name: str, found: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Slots beyond those of the reference left out; another implementation may store as many as it likes."""
    if name in FLAT and found.size == np.prod(shape):
        return found.reshape(shape)
    count = len(slot_axes(name))
    if found.ndim != len(shape) or not count:
        return found
    return found[tuple(slice(n) if 1 <= axis <= count else slice(None) for axis, n in enumerate(shape))]


def measured(name: str, expected: np.ndarray, found: np.ndarray, used: np.ndarray, faint: float) -> Finding:
    """The largest difference among the entries that are in use."""
    kind = expected.dtype if expected.dtype.kind == "f" else np.dtype("float64")
    a, b = expected.astype("float64"), found.astype("float64")
    with np.errstate(invalid="ignore"):
        gap = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
    gap = np.where(np.isnan(gap), np.inf, gap)
    inside = np.where(used, gap, 0.0)
    if not inside.size:
        return Finding(name)
    scale = max(float(np.abs(np.where(used & np.isfinite(a), a, 0.0)).max()), faint)
    index = tuple(int(k) for k in np.unravel_index(int(inside.argmax()), inside.shape))
    worst = float(inside[index])
    error = worst / scale if scale and np.isfinite(worst) else worst
    ulps = worst / float(np.spacing(np.abs(kind.type(scale or 1.0))))
    outside = bool((np.where(used, 0.0, gap) > 1e-6 * (scale or 1.0)).any())
    return Finding(name, error, ulps, index, float(a[index]), float(b[index]), empty_differ=outside)


@dataclass(frozen=True)
class Divergence:
    """The first intermediate that differs, the last one before it that agrees, and what was not given in between."""

    finding: Finding
    after: str | None
    between: tuple[str, ...]

    @property
    def next_dump(self) -> str | None:
        """Which missing intermediate halves the range."""
        return self.between[len(self.between) // 2] if self.between else None


def first_divergence(findings: list[Finding], tolerance: float) -> Divergence | None:
    """Where two evaluations part, or None."""
    after, between = None, []
    for finding in findings:
        if finding.missing:
            between += [] if finding.name.startswith("nlist/") else [finding.name]  # those are given to everybody
        elif finding.differs(tolerance):
            return Divergence(finding, after, tuple(between))
        else:
            after, between = finding.name, []
    return None
