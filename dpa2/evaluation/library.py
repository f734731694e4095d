"""The part of a back end that an evaluation needs beyond a runner: arrays, sums over rows, derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import numpy as np

from ..descriptor.runner import Runner
from ..nn.arrays import Array

Tree = TypeVar("Tree")


class Library(Runner, Protocol):
    """An array library on one device. A tree is a module, a tuple or a list of trees, an array, or None."""

    @property
    def differentiates(self) -> bool:
        """Whether derivatives are exact; otherwise they are differences, which need float64."""

    @property
    def in_memory(self) -> bool:
        """Whether numbers of arrays can be read at no cost, and shapes may change from call to call."""

    def asarray(self, x: Array, dtype: str | None = None) -> Array:
        """Return a NumPy array, or an array of the library, of any shape as an array on the device.

        Raises `BackendError` for a precision that the library does not have.
        """

    def to_numpy(self, x: Array) -> np.ndarray:
        """Return an array of the library as one of NumPy."""

    def arrays(self, tree: Tree, dtype: str) -> Tree:
        """Return a tree of NumPy arrays as a tree of arrays on the device, real numbers in the precision `dtype`."""

    def wide(self) -> str:
        """Return the precision of coordinates, energies and sums."""

    def room(self, rows: int) -> int:
        """Return the length of an array that holds so many rows; one longer than needed serves more systems."""

    def agree(self, needed: Sequence[int], largest: Sequence[int]) -> None:
        """Let `room` serve several processes: from now on for these numbers of rows, of which the largest are known."""

    def pieces(self, x: Array, sizes: Sequence[int]) -> list[Array]:
        """Return consecutive rows of x, so many for each of the `sizes`; x may have more rows than they need."""

    def symmetric_derivatives(self, function: Callable, x: Array, directions: Sequence[Array]) -> list[Array]:
        """Return the derivatives of `function` at x along each direction, each in the shape of x.

        function(x): in the shape of x, too; its Jacobian is symmetric, as that of a gradient.
        """

    @staticmethod
    def sum_into_rows(values: Array, rows: Array, count: int) -> Array:
        """Return an array (count, ...) whose row k is the sum of the `values` (n, ...) whose `rows` (n,) are k."""
