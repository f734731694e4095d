"""Predictions beside what is expected, of many frames: flat arrays, which take little memory.

Each force takes about 54 bytes: three numbers that are predicted, three that are expected, and the atom that it is of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ...nn.arrays import Float, Int
from ...structures.datasets import Frame
from .quantities import Quantity

Numbers = Mapping[str, np.ndarray]  # of one frame, by the keys of quantities


@dataclass(frozen=True, eq=False, repr=False)
class Points:
    """One quantity in all frames that have it, end to end.

    frames: the numbers of these frames. atoms: how many atoms each has. sizes: how many numbers each has here.
    weights: of each number, 0 in frames that give none; None where no frame gives any.
    """

    quantity: Quantity
    frames: Int[np.ndarray, "frame"]
    atoms: Int[np.ndarray, "frame"]
    sizes: Int[np.ndarray, "frame"]
    predicted: Float[np.ndarray, "number"]
    expected: Float[np.ndarray, "number"]
    weights: Float[np.ndarray, "number"] | None = None

    def errors(self, per_atom: bool = False) -> Float[np.ndarray, "number"]:
        """Return what is predicted minus what is expected, perhaps divided by the number of atoms of each frame."""
        return self.divided(self.predicted - self.expected, per_atom)

    def divided(self, numbers: Float[np.ndarray, "number"], per_atom: bool) -> Float[np.ndarray, "number"]:
        """Return numbers of this kind, perhaps divided by the number of atoms of each frame."""
        return numbers / np.repeat(self.atoms, self.sizes) if per_atom else numbers

    def within(self, chosen: np.ndarray) -> Points:
        """Return what belongs to chosen frames, which are numbered anew; chosen: True or False for each frame."""
        mine = chosen[self.frames]
        numbers = (np.cumsum(chosen) - 1)[self.frames[mine]]
        predicted, expected = (pieces(numbers, self.sizes, mine) for numbers in (self.predicted, self.expected))
        weights = None if self.weights is None else pieces(self.weights, self.sizes, mine)
        weights = weights if weights is not None and weights.any() else None
        return Points(self.quantity, numbers, self.atoms[mine], self.sizes[mine], predicted, expected, weights)


@dataclass(frozen=True, eq=False, repr=False)
class Frames:
    """The frames that were looked at.

    names, sources: of each frame, and of the folder or file that it is from. atoms: how many real atoms each has.
    indices, types: of all these atoms, end to end: the place of each in its frame, and its type.
    """

    names: tuple[str, ...]
    sources: tuple[str, ...]
    atoms: Int[np.ndarray, "frame"]
    indices: Int[np.ndarray, "atom"]
    types: Int[np.ndarray, "atom"]

    def within(self, chosen: np.ndarray) -> Frames:
        """Return chosen frames; chosen: True or False for each."""
        names, sources = (tuple(words[k] for k in np.flatnonzero(chosen)) for words in (self.names, self.sources))
        indices, types = (pieces(each, self.atoms, chosen) for each in (self.indices, self.types))
        return Frames(names, sources, self.atoms[chosen], indices, types)

    def atom(self, frame: int, row: int) -> tuple[int, int]:
        """Return place and type of one of the real atoms of a frame."""
        at = int(self.atoms[:frame].sum()) + row
        return int(self.indices[at]), int(self.types[at])


@dataclass
class Collector:
    """Frames and points in the making."""

    quantities: Sequence[Quantity]
    names: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    types: list[np.ndarray] = field(default_factory=list)
    rows: dict[str, list[tuple]] = field(default_factory=dict)

    def add(
        self, frame: Frame, types: np.ndarray, predicted: Numbers, expected: Numbers, weights: np.ndarray | None = None
    ) -> None:
        """Add a frame, with what is predicted and what is expected of it where both are known.

        types: of all its atoms, those of virtual ones below 0. weights: of the real ones, None if there are none.
        """
        self.names.append(frame.name)
        self.sources.append(frame.source)
        self.types.append(types.astype(np.int16))
        for key in expected.keys() & predicted.keys():
            row = len(self.names) - 1, predicted[key].ravel(), expected[key].ravel(), weights
            self.rows.setdefault(key, []).append(row)

    def frames(self) -> Frames:
        """Return all frames."""
        real = [np.flatnonzero(types >= 0) for types in self.types]
        indices, types = joined(real, np.int32), joined([t[t >= 0] for t in self.types], np.int16)
        return Frames(tuple(self.names), tuple(self.sources), sizes_of(real), indices, types)

    def points(self, quantity: Quantity) -> Points | None:
        """Return one quantity in all frames that have it; None if none has."""
        if quantity.key not in self.rows:
            return None
        numbers, predicted, expected, weights = map(list, zip(*self.rows[quantity.key], strict=True))
        atoms = np.array([int((self.types[k] >= 0).sum()) for k in numbers])
        values = joined(predicted, np.float64), joined(expected, np.float64)
        weighing = of_numbers(weights, sizes_of(predicted)) if quantity.of_atoms else None
        return Points(quantity, np.array(numbers), atoms, sizes_of(predicted), *values, weighing)


def of_numbers(weights: Sequence[np.ndarray | None], sizes: np.ndarray) -> Float[np.ndarray, "number"] | None:
    """Return the weights of atoms as those of all their numbers; None if no frame has any that is not 0."""
    if not any(each is not None and each.any() for each in weights):
        return None
    every = [np.zeros(1) if each is None else each for each in weights]
    return joined([np.repeat(each, size // len(each)) for each, size in zip(every, sizes, strict=True)], np.float64)


def sizes_of(arrays: Sequence[np.ndarray]) -> Int[np.ndarray, "frame"]:
    """Return the sizes of arrays."""
    return np.array([array.size for array in arrays], dtype=np.int64)


def joined(arrays: Sequence[np.ndarray], dtype: np.typing.DTypeLike) -> np.ndarray:
    """Return arrays end to end."""
    return np.concatenate(arrays, dtype=dtype, casting="unsafe") if arrays else np.zeros(0, dtype)


def pieces(array: np.ndarray, sizes: Int[np.ndarray, "frame"], chosen: np.ndarray) -> np.ndarray:
    """Return the parts of an array that belong to chosen frames; sizes: of the parts of all frames, end to end.

    >>> pieces(np.arange(6), np.array([1, 2, 3]), np.array([True, False, True]))
    array([0, 3, 4, 5])
    """
    ends = np.cumsum(sizes)
    return joined([array[ends[k] - sizes[k] : ends[k]] for k in np.flatnonzero(chosen)], array.dtype)
