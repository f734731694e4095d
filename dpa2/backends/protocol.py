"""The contract of a back end: everything that the package asks of an array library beyond the array-API standard."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from ..evaluation.library import Library
from ..nn.arrays import Array

if TYPE_CHECKING:
    import numpy as np

    from ..batching.plan import ChunkShape


Result = TypeVar("Result")


class Backend(Library, Protocol):
    """An array library on one device. Back ends do not change: `with_shape` and its like return others.
    They can be pickled, which keeps class, device, shape and the order of sums.

    Precisions are names of dtypes: "float64". `Library` and `Runner` have the methods that evaluations call.
    """

    @property
    def name(self) -> str:
        """The name in the registry."""

    @property
    def device(self) -> str:
        """The device that holds all arrays, as `backend(name, device)` accepts it: "cpu", "cuda:0"."""

    @property
    def shape(self) -> ChunkShape:
        """Size and padding of the chunks that are fast on this library and device."""

    @property
    def deterministic(self) -> bool:
        """Whether sums over rows are made in a fixed order on every device."""

    @property
    def threads(self) -> int:
        """The number of chunks whose intermediates are in memory at the same time."""

    def with_shape(self, shape: ChunkShape) -> Self:
        """Return the same back end with chunks of another shape."""

    def with_fixed_order(self) -> Self:
        """Return the same back end, `deterministic`. Raises `BackendError` where it cannot be."""

    def to_numpy(self, x: Array) -> np.ndarray:
        """Return an array of any shape as a NumPy array; bfloat16, which NumPy lacks, becomes float32."""

    def own_settings(self) -> AbstractContextManager[Any]:
        """Return a context without the user's settings that would disturb an evaluation or cost it precision."""

    def fold(self, weights: Any) -> Any:
        """Return the program of a model's weights, differentiable in them."""

    def inference(self, dtypes: set[str]) -> Backend:
        """Return the back end that evaluates models of these precisions where nothing is differentiated."""

    def whole(self, function: Callable[..., Result], arguments: tuple) -> Result:
        """Return `function(self, *arguments)`, computed as one program where that is faster."""

    def transformed(self, arguments: Any) -> bool:
        """Return whether the library differentiates, vectorises or compiles what follows from these arguments."""

    def uncompiled(self) -> Backend:
        """Return a back end on the same device that runs operation by operation, so that intermediates are visible."""


Class = TypeVar("Class", bound=type[Backend])


def implements_backend(cls: Class) -> Class:
    """Return the class: a decorator that makes a type checker compare it with `Backend`."""
    return cls
