"""Any library that follows the array-API standard: the few functions that the standard lacks are made with NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..batching.plan import ChunkShape
from ..errors import BackendError
from ..nn.arrays import Array, array_namespace
from .eager import Eager
from .numpy import NumPy
from .protocol import implements_backend


@implements_backend
class Standard(Eager):
    """A library whose arrays carry their namespace; it computes in one thread, operation by operation.

    Second derivatives are central differences, as on NumPy. Weights cannot be differentiated by.

    Raises `BackendError` for a library whose arrays are lazy: loops here need numbers.
    """

    differentiates = False
    shape = ChunkShape(size=32)
    derivatives = NumPy.derivatives

    def __init__(self, name: str, namespace: Any, device: str | None = None) -> None:
        self.name, self.namespace, self.device = name, namespace, device or "cpu"
        self.options = {} if device is None else {"device": device}
        require_numbers(name, namespace)

    def __reduce__(self) -> tuple:
        """The class, name, namespace and device; modules are pickled by their names."""
        return made_again, (self.name, self.namespace.__name__, self.options.get("device"), self.shape)

    def asarray(self, x: Array, dtype: str | None = None) -> Array:
        """Any array as one of the library."""
        xp = self.namespace
        wanted = None if dtype is None else self.dtype(dtype)
        if isinstance(x, np.ndarray | np.generic) or not hasattr(x, "__array_namespace__"):
            return xp.asarray(np.asarray(x), dtype=wanted, **self.options)
        return x if wanted is None else xp.astype(x, wanted)

    def dtype(self, name: str) -> Any:
        """The library's object for a precision; `BackendError` if it has none of that name."""
        found = getattr(self.namespace, name, None)
        if found is None:
            what = f"{self.name} has no {name}; use `dtype='float64'` or `dtype='float32'`"
            raise BackendError(what, backend=self.name, hint="float64")
        return found

    def to_numpy(self, x: Array) -> np.ndarray:
        """An array of the library as a NumPy array."""
        return np.asarray(x)

    def wide(self) -> str:
        """The precision of coordinates, energies and sums."""
        return "float64"

    @staticmethod
    def sum_into_rows(values: Array, rows: Array, count: int) -> Array:
        """Row k is the sum of the `values` whose `rows` are k."""
        numbers = np.asarray(values)
        sums = np.zeros((count, *numbers.shape[1:]), numbers.dtype)
        np.add.at(sums, np.asarray(rows), numbers)
        return array_namespace(values).asarray(sums)


def made_again(name: str, module: str, device: str | None, shape: ChunkShape) -> Standard:
    """The back end in another process."""
    from importlib import import_module

    return Standard(name, import_module(module), device).with_shape(shape)


def require_numbers(name: str, namespace: Any) -> None:
    """Refuse a library whose arrays do not become numbers when they are asked for."""
    try:
        found = np.asarray(namespace.asarray(1.0) + 1.0)
        lazy = found.dtype.kind != "f" or float(found) != 2.0
    except Exception:  # libraries raise anything
        lazy = True
    if lazy:
        raise BackendError(
            f"{name}: its arrays are lazy, or do not become NumPy's, so that forces cannot be summed. Use a library "
            "that computes at once",
            backend=name,
            hint="numpy",
        )
