"""CuPy: operation by operation, on a GPU. Only devices and the way back to NumPy are not of the array-API standard."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np

from ..batching.plan import ChunkShape
from ..errors import BackendError
from ..nn.arrays import Array
from .eager import Shaped
from .forks import USED, refuse_lost
from .own_settings import numpy_settings
from .protocol import implements_backend
from .standard import Standard

NAMESPACE = "array_api_compat.cupy"  # CuPy's own lacks `vecdot`, and devices in `asarray`


@implements_backend
class CuPy(Standard):
    """Arrays are CuPy's, on `device`.

    library: the functions of the standard, `asnumpy` and `cuda.Device`; CuPy's own if None.
    """

    shape = ChunkShape(size=8192)
    __reduce__ = Shaped.__reduce__

    def __init__(self, device: str | None = None, library: Any = None) -> None:
        self.library = import_module(NAMESPACE) if library is None else library
        place = self.found(device or "cuda")
        super().__init__("cupy", self.library, place)
        self.number, self.device = place.id, f"cuda:{place.id}"
        USED.add("cupy")

    def found(self, device: str) -> Any:
        """CuPy's object for a device that it can use; "cuda" is the one that the user's program uses."""
        kind, _, number = device.partition(":")
        try:
            if kind != "cuda":
                raise ValueError("devices are cuda:0, cuda:1, ...")
            place = self.library.cuda.Device(int(number) if number else None)
            self.library.asarray(0.0, device=place)
        except (ValueError, RuntimeError) as error:  # CuPy's own errors are of the second class
            what = f"CuPy cannot use device {device!r}: {str(error).splitlines()[0]}"
            raise BackendError(what, backend="cupy", hint="numpy") from error
        return place

    def asarray(self, x: Array, dtype: str | None = None) -> Array:
        """A NumPy array as one of CuPy."""
        if dtype == "float32" and os.environ.get("CUPY_TF32", "0") != "0":
            hint = "unset CUPY_TF32"
            what = f"CUPY_TF32 = {os.environ['CUPY_TF32']} lets CuPy round factors of float32 to 10 bits; {hint}"
            raise BackendError(what, backend="cupy", hint=hint)
        return super().asarray(x, dtype)

    def to_numpy(self, x: Array) -> np.ndarray:
        """An array of CuPy as a NumPy array."""
        return self.library.asnumpy(x)

    @contextmanager
    def own_settings(self) -> Iterator[None]:
        """A context in which CuPy computes on this device. Raises a `BackendError` in a process that lost it."""
        refuse_lost("cupy")
        with numpy_settings(), self.library.cuda.Device(self.number):
            yield
