"""Comparison of two evaluations: the first intermediate that differs, its worst index, and its error.

Errors are relative to the largest entry of a tensor (trap T28): entries near a cutoff are differences of numbers of
order 1, so an error relative to such an entry would be mere rounding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ..tracing.intermediates import LISTS, OF_ATOMS, position, row, slot_axes
from ..tracing.masks import meaningful

# Allowed errors, relative to the largest entry of a tensor.
TOLERANCES = {"float64": 1e-12, "float32": 3e-5}
# Derivatives have rounding errors in proportion to the values of atoms, also where the derivatives vanish.
DERIVATIVES = ("force", "virial", "atom_virial", "gradient")
# These may be given in another shape of the same size: with 9 components for 3 × 3, or the other way round.
FLAT = ("force", "virial", "atom_virial", "energy", "atom_energy", "polarizability", "atom_polarizability")
# Errors of derivatives are relative to no less than this times the largest value of an atom (in Å⁻¹; 1 for virials).
FAINT = 1e-3
# The first axis of an intermediate in the trace table, and its name in messages.
AXES = {"atom": "atom", "type": "row", "pair": "row"}
# The words for components along axes of fixed length; a single one needs none.
COMPONENTS = {"1": ("",), "3": tuple("xyz"), "4": ("radial", *"xyz")}
COMPONENTS["9"] = tuple(a + b for a in "xyz" for b in "xyz")
Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Finding:
    """The error of one intermediate, and the index where it is largest; `missing` if it was not given."""

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
        """Return whether the intermediate is wrong."""
        return self.reason is not None or not self.error <= tolerance

    @property
    def place(self) -> str:
        """The index of the largest error in words."""
        axes, count = row(self.name).axes.split(), len(slot_axes(self.name))
        neighbors = iter(["neighbour"] if count == 1 else ["neighbour a", "neighbour b"][:count])
        words = []
        for axis, k in zip(axes or ["entry"] * len(self.index), self.index, strict=False):
            words.append(COMPONENTS[axis][k] if axis in COMPONENTS else "")
            if axis not in COMPONENTS:
                words[-1] = f"{next(neighbors) if axis in LISTS else AXES.get(axis, 'channel')} {k}"
        return ", ".join(filter(None, words))


def compare(reference: Arrays, candidate: Arrays, slots: dict[str, np.ndarray]) -> list[Finding]:
    """Return a finding for each intermediate of the reference, in the order of computation."""
    return list(compared_in_turn(reference, candidate, slots))


def compared_in_turn(reference: Arrays, candidate: Arrays, slots: dict[str, np.ndarray]) -> Iterator[Finding]:
    """Yield the findings of `compare`, each compared when it is asked for: the first that differs is often enough."""
    return (compare_one(name, reference, candidate.get(name), slots) for name in sorted(reference, key=position))


def compare_one(name: str, reference: Arrays, found, slots: dict[str, np.ndarray]) -> Finding:
    """Return the finding for one intermediate."""
    expected = np.asarray(reference[name])
    if found is None:
        return Finding(name, missing=True)
    found = fitted(name, np.asarray(found), expected.shape)
    if found.shape != expected.shape:
        hint = " (transposed?)" if sorted(found.shape) == sorted(expected.shape) else ""
        return Finding(name, error=np.inf, reason=f"shape {found.shape}, expected {expected.shape}{hint}")
    if found.dtype.kind not in "fiu":
        return Finding(name, error=np.inf, reason=f"dtype {found.dtype}, expected numbers")
    return measured(name, expected, found, meaningful(name, expected.shape, slots), smallest_scale(name, reference))


def smallest_scale(name: str, reference: Arrays) -> float:
    """Return the number to which errors of an intermediate are relative at least."""
    if name not in DERIVATIVES:
        return 0.0
    of_atoms = next(reference[value] for value in OF_ATOMS if value in reference)
    return FAINT * float(np.abs(of_atoms).max(initial=0.0))


def fitted(name: str, found: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return an array without slots beyond those of the reference; implementations may store more."""
    if name in FLAT and found.size == np.prod(shape):
        return found.reshape(shape)
    found, count = with_axes(found, shape), len(slot_axes(name))
    if found.ndim != len(shape) or not count:
        return found
    return found[tuple(slice(n) if 1 <= axis <= count else slice(None) for axis, n in enumerate(shape))]


def with_axes(found: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return an array with as many axes as `shape`, by axes of length 1 that are left out or added.

    >>> with_axes(np.zeros((4, 14, 1)), (4, 12)).shape, with_axes(np.zeros((4, 3)), (4, 1, 3)).shape
    ((4, 14), (4, 1, 3))
    """
    single = [axis for axis, n in enumerate(found.shape) if n == 1]
    dropped = [found.squeeze(axes) for axes in combinations(single, max(0, found.ndim - len(shape)))]
    found = min(dropped, key=lambda x: sum(a != b for a, b in zip(x.shape, shape, strict=False)), default=found)
    for axis, n in enumerate(shape):
        if found.ndim < len(shape) and n == 1 and found.shape[axis : axis + 1] != (1,):
            found = np.expand_dims(found, axis)
    return found


def measured(name: str, expected: np.ndarray, found: np.ndarray, used: np.ndarray, faint: float) -> Finding:
    """Return the finding for arrays of the same shape: the largest difference among the entries that are in use."""
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
    """The first intermediate that differs, the last before it that agrees, and the missing ones in between."""

    finding: Finding
    after: str | None
    between: tuple[str, ...]

    @property
    def next_dump(self) -> str | None:
        """The missing intermediate in the middle of the range, or None if none is missing."""
        return self.between[len(self.between) // 2] if self.between else None


def first_divergence(findings: Iterable[Finding], tolerance: float) -> Divergence | None:
    """Return the first divergence of two evaluations, or None if they agree."""
    after, between = None, []
    for finding in findings:
        if finding.missing:
            between += [] if finding.name.startswith("nlist/") else [finding.name]  # inputs of every target
        elif finding.differs(tolerance):
            return Divergence(finding, after, tuple(between))
        else:
            after, between = finding.name, []
    return None
