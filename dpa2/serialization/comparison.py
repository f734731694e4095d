"""The differences between two models: settings by their paths, tensors number by number.

Two models are equal if their digests are: the same settings and the same bits. Notes do not count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy

from .checkpoint import Checkpoint

TABLES = "descriptor.repinit.tables."  # tensors that a compressed model has besides its networks begin with it


@dataclass(frozen=True)
class SettingDifference:
    """A setting that differs between the models; None where a section is absent."""

    path: str
    first: object
    second: object


@dataclass(frozen=True)
class TensorDifference:
    """The difference of two tensors of one name, or the reason why they cannot be compared."""

    name: str
    size: int
    changed: int  # numbers whose bits differ
    largest: float  # absolute difference
    relative: float  # Euclidean norm of the difference over that of the first
    index: tuple[int, ...] | None = None  # of the first number that differs
    values: tuple[str, str] | None = None  # there, with all digits
    reason: str | None = None

    @property
    def share(self) -> float:
        """Fraction of the numbers that differ."""
        return self.changed / self.size if self.size else 0.0


@dataclass(frozen=True)
class Comparison:
    """All settings that differ, and all tensors, including those that are the same."""

    settings: tuple[SettingDifference, ...]
    tensors: tuple[TensorDifference, ...]

    @property
    def different(self) -> list[TensorDifference]:
        """The tensors that differ."""
        return [t for t in self.tensors if t.changed or t.reason]

    @property
    def equal(self) -> bool:
        """Return whether the models have the same settings and the same bits."""
        return not self.settings and not self.different

    @property
    def compressed(self) -> bool:
        """Return whether tables in one of them are the only difference."""
        settings = [s.path for s in self.settings] == ["repinit.compression"]
        return settings and all(t.name.startswith(TABLES) and t.reason for t in self.different)


def compare(first: Checkpoint, second: Checkpoint) -> Comparison:
    """Return all differences between two models.

    Parameters
    ----------
    first, second
        The models; their notes are not compared.

    Returns
    -------
    Comparison
        The settings that differ, and the difference of each tensor.

    Examples
    --------
    >>> import dpa2
    >>> model = dpa2.load(dpa2.demo.MODEL).checkpoint()
    >>> compare(model, model).equal
    True
    """
    settings = differing(first.config.to_dict(), second.config.to_dict(), "")
    names = list(first.weights) + [name for name in second.weights if name not in first.weights]
    return Comparison(
        tuple(settings), tuple(compare_tensors(n, first.weights.get(n), second.weights.get(n)) for n in names)
    )


def differing(first, second, path: str) -> Iterator[SettingDifference]:
    """The settings below `path` that differ."""
    if isinstance(first, dict) and isinstance(second, dict):
        for key in [*first, *(key for key in second if key not in first)]:
            yield from differing(first.get(key), second.get(key), f"{path}.{key}" if path else key)
    elif first != second:
        yield SettingDifference(path, first, second)


def compare_tensors(name: str, first: numpy.ndarray | None, second: numpy.ndarray | None) -> TensorDifference:
    """The difference of one tensor between the models."""
    if first is None or second is None:
        return incomparable(name, "only in the second" if first is None else "only in the first")
    if first.shape != second.shape:
        return incomparable(name, f"{first.shape} in the first, {second.shape} in the second")
    differs = unequal_bits(first, second)
    if not differs.any():
        return TensorDifference(name, first.size, 0, 0.0, 0.0)
    index = tuple(int(k) for k in numpy.unravel_index(numpy.argmax(differs), first.shape))
    largest, relative = distances(first[differs], second[differs], first)
    values = str(first[index]), str(second[index])
    return TensorDifference(name, first.size, int(differs.sum()), largest, relative, index, values)


def incomparable(name: str, reason: str) -> TensorDifference:
    return TensorDifference(name, 0, 0, float("nan"), float("nan"), reason=reason)


def unequal_bits(first: numpy.ndarray, second: numpy.ndarray) -> numpy.ndarray:
    """A mask of the numbers that differ in a bit, or in value if the precisions differ."""
    if first.dtype != second.dtype:
        return numpy.asarray(first.astype("float64") != second.astype("float64"))
    bits = f"u{first.dtype.itemsize}"
    first, second = (numpy.ascontiguousarray(a).view(bits).reshape(a.shape) for a in (first, second))
    return numpy.asarray(first != second)


def distances(first: numpy.ndarray, second: numpy.ndarray, whole: numpy.ndarray) -> tuple[float, float]:
    """Largest absolute and relative Euclidean distance of the numbers that differ."""
    with numpy.errstate(all="ignore"):  # infinite and undefined numbers have infinite and undefined distances
        gap = numpy.abs(second.astype("float64") - first.astype("float64"))
        relative = float(norm(gap) / norm(whole.astype("float64"))) if gap.any() else 0.0
    return float(gap.max()), relative


def norm(array: numpy.ndarray) -> numpy.float64:
    """The Euclidean norm, without overflow or underflow of the squares."""
    largest = numpy.float64(numpy.abs(array).max())
    return largest * numpy.sqrt(numpy.square(array / largest).sum()) if largest else largest
