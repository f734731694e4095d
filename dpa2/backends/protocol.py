"""The contract of a back end: everything that the package asks of an array library beyond the array-API standard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from ..nn.arrays import Array

if TYPE_CHECKING:
    import numpy as np

    from ..batching.plan import ChunkShape

Tree = TypeVar("Tree")
Result = TypeVar("Result")


class Backend(Protocol):
    """An array library on one device. Back ends do not change: `with_shape` and `uncompiled` return others.

    A tree is a module, a tuple or a list of trees, an array, or None. Precisions are names of dtypes: "float64".
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
    def threads(self) -> int:
        """The number of chunks whose intermediates are in memory at the same time."""

    def with_shape(self, shape: ChunkShape) -> Self:
        """Return the same back end with chunks of another shape."""

    def asarray(self, x: Array, dtype: str | None = None) -> Array:
        """Return a NumPy array, or an array of the library, of any shape as an array on the device.

        Raises `BackendError` for a precision that the library does not have.
        """

    def arrays(self, tree: Tree, dtype: str) -> Tree:
        """Return a tree of NumPy arrays as a tree of arrays on the device, real numbers in the precision `dtype`."""

    def to_numpy(self, x: Array) -> np.ndarray:
        """Return an array of any shape as a NumPy array; bfloat16, which NumPy lacks, becomes float32."""

    def wide(self) -> str:
        """Return the precision of coordinates, energies and sums."""

    def run(self, function: Callable[..., Result], shared: tuple, *lists: Sequence) -> list[Result]:
        """Return `function(*shared, *items)` for the items of every chunk, in order.

        shared: trees that all chunks use. lists: trees of each chunk, as many in every list as there are chunks.
        """

    def joiner(self) -> Callable[[Sequence[Array]], Array]:
        """Return a function that lays arrays (rows, ...) end to end, perhaps with unused rows at the end.

        A call of that function may overwrite the array that its previous call returned.
        """

    def fold(self, weights: Any) -> Any:
        """Return the program of a model's weights, differentiable in them."""

    def inference(self, dtypes: set[str]) -> Backend:
        """Return the back end that evaluates models of these precisions where nothing is differentiated."""

    def uncompiled(self) -> Backend:
        """Return a back end on the same device that runs operation by operation, so that intermediates are visible."""

    def derivatives(self, function: Callable, x: list[Array], directions: list[list[Array]]) -> list[Array]:
        """Return the derivatives of `function` at x along each direction, each in the shape of `function(x)`.

        x: arrays of any shapes. directions: each a list of arrays in the shapes of x.
        """

    @staticmethod
    def sum_into_rows(values: Array, rows: Array, count: int) -> Array:
        """Return an array (count, ...) whose row k is the sum of the `values` (n, ...) whose `rows` (n,) are k."""


Class = TypeVar("Class", bound=type[Backend])


def implements_backend(cls: Class) -> Class:
    """Return the class: a decorator that makes a type checker compare it with `Backend`."""
    return cls
