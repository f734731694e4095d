"""NumPy: chunks small enough for the processor's cache, on all processors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..batching.plan import ChunkShape
from ..errors import BackendError
from ..nn.arrays import Array
from .eager import Eager, Join, Result, reusing
from .protocol import implements_backend
from .threads import available, run_on_cache

# Å, of the atom that central differences move farthest: their error is 1e-9 of the largest second derivative, mostly
# rounding.
STEP = 1e-4


@implements_backend
class NumPy(Eager):
    """Arrays live in memory; functions run as they are."""

    name = "numpy"
    device = "cpu"
    differentiates = False
    deterministic = True
    in_memory = True
    shape = ChunkShape(size=24, max_size=64)  # docs/how-it-is-fast.md, "Chunks of few atoms", has the measurements

    def __init__(self, device: str | None = None) -> None:
        if device not in (None, "cpu"):
            raise BackendError(f"NumPy has no device {device!r}, only 'cpu'", backend="numpy", hint="leave it out")
        self.threads = available()

    def run(self, function: Callable[..., Result], shared: tuple, *lists: Sequence) -> list[Result]:
        """`function(*shared, *items)` for the items of every chunk, on all processors."""
        return run_on_cache(function, shared, list(zip(*lists, strict=True)), self.threads)

    def joiner(self) -> Join:
        """A function that lays arrays end to end, in the memory of the array that it returned before."""
        return reusing(lambda spent, parts: np.concatenate(parts, out=spent))

    def asarray(self, x: Array, dtype: str | None = None) -> np.ndarray:
        """Any array as one of NumPy."""
        if dtype == "bfloat16":
            raise BackendError("NumPy has no bfloat16; use float32, or torch or jax", backend="numpy", hint="float32")
        return np.asarray(x, dtype=dtype)

    def to_numpy(self, x: Array) -> np.ndarray:
        """The array itself."""
        return np.asarray(x)

    def wide(self) -> str:
        """The precision of coordinates, energies and sums."""
        return "float64"

    def symmetric_derivatives(self, function: Callable, x: Array, directions: Sequence[Array]) -> list[Array]:
        """Derivatives of function(x) along each direction: central differences of fourth order."""

        def along(direction: Array) -> Array:
            step = STEP / (float(np.abs(self.to_numpy(direction)).max(initial=0.0)) or 1.0)
            ahead, behind, twice, back = (function(x + steps * step * direction) for steps in (1, -1, 2, -2))
            return (8.0 * (ahead - behind) - (twice - back)) / (12.0 * step)

        return [along(direction) for direction in directions]

    @staticmethod
    def sum_into_rows(values: Array, rows: Array, count: int) -> np.ndarray:
        """Row k is the sum of the `values` whose `rows` are k."""
        flat = values.reshape(len(values), -1)
        sums = [np.bincount(rows, weights=flat[:, c], minlength=count) for c in range(flat.shape[1])]
        return np.stack(sums, axis=-1).reshape(count, *values.shape[1:])
