"""The program of a model as a function of its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...fitting.atomic_model import AtomicProgram
from ...model.model import Model
from ...nn.arrays import Array, array_namespace
from ...nn.flat import flattened
from .parameters import Parameters


@dataclass(frozen=True, eq=False)
class Fold:
    """The program of a head as a function of the head's parameters."""

    parameters: Parameters
    head: str
    model: Model

    def __call__(self, arrays: Mapping[str, Array]) -> AtomicProgram:
        """Return the program."""
        return self.model.backend.fold(self.parameters.placed(self.head, self.model.weights, arrays))


@dataclass(frozen=True)
class Folded:
    """The number Σ slope · array over the arrays of a head's program, as a function of the head's parameters."""

    fold: Fold

    def __call__(self, arrays: Mapping[str, Array], slopes: Sequence[Array | None]) -> tuple[Array, None]:
        """Return the number."""
        pairs = zip(flattened(self.fold(arrays)), slopes, strict=True)
        parts = [array_namespace(array).sum(array * slope) for array, slope in pairs if slope is not None]
        return sum(parts[1:], parts[0]), None
