"""NumPy: chunks small enough for the cache."""

from __future__ import annotations

import numpy as np

from ..batching.plan import Shape
from ..errors import BackendError
from .eager import Eager, reusing
from .threads import available, run_on_cache


class NumPy(Eager):
    """Arrays live in memory; functions run as they are."""

    name = "numpy"
    shape = Shape(size=24, largest=64)

    def __init__(self, device: str | None = None):
        if device not in (None, "cpu"):
            raise BackendError(f"NumPy has no device {device!r}, only 'cpu'", backend="numpy", hint="leave it out")
        self.device = "cpu"
        self.threads = available()

    def run(self, function, shared, *lists) -> list:
        """`function(*shared, *items)` for the items of every chunk, on all processors."""
        return run_on_cache(function, shared, list(zip(*lists, strict=True)), self.threads)

    def joiner(self):
        """A function that lays arrays end to end, in the memory of what it gave before."""
        return reusing(lambda spent, parts: np.concatenate(parts, out=spent))

    def asarray(self, x, dtype: str | None = None):
        """A NumPy array as an array of the library."""
        if dtype == "bfloat16":
            raise BackendError("NumPy has no bfloat16; use float32, or torch or jax", backend="numpy", hint="float32")
        return np.asarray(x, dtype=dtype)

    def to_numpy(self, x) -> np.ndarray:
        return np.asarray(x)

    def wide(self) -> str:
        """The precision of coordinates, energies and sums."""
        return "float64"

    def derivatives(self, function, x: list, directions: list) -> list:
        """How function(x) changes along each direction: central differences of fourth order."""
        h = 1e-4

        def at(step, dx):
            return function([a + step * h * d for a, d in zip(x, dx, strict=True)])

        return [(8.0 * (at(1, d) - at(-1, d)) - (at(2, d) - at(-2, d))) / (12.0 * h) for d in directions]

    @staticmethod
    def sum_into_rows(values, rows, count: int):
        """Row k is the sum of the `values` whose `rows` are k."""
        flat = values.reshape(len(values), -1)
        sums = [np.bincount(rows, weights=flat[:, c], minlength=count) for c in range(flat.shape[1])]
        return np.stack(sums, axis=-1).reshape(count, *values.shape[1:])
