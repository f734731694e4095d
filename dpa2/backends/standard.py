"""Any library that follows the array-API standard; what the standard lacks is made of its functions."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..batching.plan import ChunkShape
from ..dtypes import NAMES as PRECISIONS
from ..errors import BackendError
from ..nn.arrays import Array
from .eager import Eager, Result
from .numpy import NumPy
from .protocol import implements_backend
from .requirements import explained, require_numbers, require_standard, said
from .row_sums import sum_into_rows


@implements_backend
class Standard(Eager):
    """A library whose arrays carry their namespace; it computes in one thread, operation by operation.

    Second derivatives are central differences, as on NumPy. Weights cannot be differentiated by.

    Raises `BackendError` for a library that lacks a function that is needed or the device, and for lazy arrays.
    """

    differentiates = False
    deterministic = True
    shape = ChunkShape(size=32)
    symmetric_derivatives = NumPy.symmetric_derivatives

    def __init__(self, name: str, namespace: Any, device: Any = None) -> None:
        self.name, self.namespace = name, namespace
        self.options = {} if device is None else {"device": self.known(device)}
        x = self.matrix()
        self.device = str(getattr(x, "device", "cpu"))
        require_standard(name, x)
        require_numbers(name, x, self.to_numpy)
        self.kind = type(x)
        self.precisions = tuple(filter(self.has, PRECISIONS))

    def __reduce__(self) -> tuple:
        """The class, name, namespace and device; modules are pickled by their names."""
        device = self.device if self.options else None
        return made_again, (self.name, self.namespace.__name__, device, self.shape)

    def known(self, device: Any) -> Any:
        """The library's object for the name of a device; the name itself where the library has no list of devices."""
        if not isinstance(device, str) or not hasattr(self.namespace, "__array_namespace_info__"):
            return device
        return {str(one): one for one in self.namespace.__array_namespace_info__().devices()}.get(device, device)

    def matrix(self) -> Array:
        """The matrix [[1, 2]] on the device."""
        try:
            return self.namespace.asarray([[1.0, 2.0]], **self.options)
        except Exception as error:  # libraries raise anything
            where = f" on device {self.options['device']!r}" if self.options else ""
            what = f"{self.name} cannot make an array{where}: {said(error)}"
            raise BackendError(what, backend=self.name, hint="numpy") from error

    def has(self, dtype: str) -> bool:
        """Whether the library computes in a precision; some give arrays of another one."""
        found = getattr(self.namespace, dtype, None)
        try:
            with warnings.catch_warnings(action="ignore"):
                x = self.namespace.asarray([[1.0]], dtype=found, **self.options)
                return found is not None and bool((x @ x).dtype == found)
        except Exception:  # libraries raise anything
            return False

    def asarray(self, x: Array, dtype: str | None = None) -> Array:
        """Any array as one of the library, on the device."""
        if dtype is not None and dtype not in self.precisions:
            hint = " or ".join(f"`dtype={have!r}`" for have in self.precisions)
            what = f"{self.name} has no {dtype} on {self.device}; use {hint or 'another library'}"
            raise BackendError(what, backend=self.name, hint=next(iter(self.precisions), "numpy"))
        wanted = {} if dtype is None else {"dtype": getattr(self.namespace, dtype)}
        if not isinstance(x, self.kind):
            x = np.asarray(x, dtype=None if dtype == "bfloat16" else dtype)  # NumPy rounds to the nearest number
        with explained(self.name, f"an array of {dtype or x.dtype}"):
            return self.namespace.asarray(x, **wanted, **self.options)

    def to_numpy(self, x: Array) -> np.ndarray:
        """An array of the library as a NumPy array, copied from its device by DLPack where NumPy cannot read it."""
        try:
            found = np.asarray(x)
        except Exception:  # libraries raise anything
            found = np.from_dlpack(x, device="cpu")
        return found.astype(np.float32) if found.dtype.name == "bfloat16" else found

    def wide(self) -> str:
        """The precision of coordinates, energies and sums: float64 where the library has it."""
        return "float64" if "float64" in self.precisions else "float32"

    @staticmethod
    def sum_into_rows(values: Array, rows: Array, count: int) -> Array:
        """Row k is the sum of the `values` whose `rows` are k."""
        return sum_into_rows(values, rows, count)

    def run(self, function: Callable[..., Result], shared: tuple, *lists: Sequence) -> list[Result]:
        """`function(*shared, *items)` for the items of every chunk."""
        with explained(self.name, f"`{function.__name__}`"):
            return super().run(function, shared, *lists)

    def fold(self, weights: Any) -> Any:
        """The program of a model's weights."""
        with explained(self.name, "what follows from weights alone"):
            return super().fold(weights)


def made_again(name: str, module: str, device: Any, shape: ChunkShape) -> Standard:
    """The back end in another process."""
    from importlib import import_module

    return Standard(name, import_module(module), device).with_shape(shape)
