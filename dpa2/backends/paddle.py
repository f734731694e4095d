"""Paddle: operation by operation, on any device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, Self

import numpy as np

from ..batching.plan import ChunkShape
from ..dtypes import dtype_name
from ..errors import BackendError
from ..nn.arrays import Array
from .eager import Eager
from .own_settings import paddle_settings, refuse_static_mode
from .protocol import implements_backend

ON_PROCESSOR, ON_GPU = ChunkShape(size=96), ChunkShape(size=8192)


@implements_backend
class Paddle(Eager):
    """Arrays are tensors on `device`."""

    name = "paddle"

    def __init__(self, device: str | None = None) -> None:
        import paddle

        self.paddle: Any = paddle
        refuse_static_mode()
        self.place = self.found(device or "cpu")
        self.device = "cpu" if self.place.is_cpu_place() else f"gpu:{self.place.gpu_device_id()}"
        self.shape = ON_PROCESSOR if self.place.is_cpu_place() else ON_GPU

    def with_fixed_order(self) -> Self:
        """This back end, in memory; its additions on a GPU have no fixed order."""
        if self.device == "cpu":
            return self.altered(deterministic=True)
        what = f"Paddle adds in no fixed order on {self.device}; use torch, jax or cupy there, or Paddle on the cpu"
        raise BackendError(what, backend="paddle", hint="cpu")

    def found(self, device: str) -> Any:
        """Paddle's object for a device that it can use."""
        try:
            return self.paddle.to_tensor(0.0, dtype="float64", place=device).place
        except (ValueError, RuntimeError, OSError, AttributeError) as error:  # the last where it words its refusal
            what = f"Paddle cannot use device {device!r}: {str(error).strip().splitlines()[0]}"
            raise BackendError(what, backend="paddle", hint="cpu") from error

    def asarray(self, x: Array, dtype: str | None = None) -> Array:
        """A NumPy array as a tensor."""
        if dtype is not None:
            require_kernels(dtype, self.device)
        x = x if isinstance(x, self.paddle.Tensor) else np.asarray(x)
        x = self.paddle.to_tensor(x, place=self.place) if isinstance(x, np.ndarray) else x.to(self.place)
        return x if dtype in (None, dtype_name(x.dtype)) else x.astype(dtype)

    def to_numpy(self, x: Array) -> np.ndarray:
        """A tensor as a NumPy array, without its gradient."""
        x = x.detach()
        return (x.astype("float32") if x.dtype == self.paddle.bfloat16 else x).numpy()

    def wide(self) -> str:
        """The precision of coordinates, energies and sums."""
        return "float64"

    def own_settings(self) -> AbstractContextManager[Any]:
        """A context with the settings of Paddle that evaluations want."""
        return paddle_settings()

    def symmetric_derivatives(self, function: Callable, x: Array, directions: Sequence[Array]) -> list[Array]:
        """Derivatives of function(x) along each direction: one graph for all, and a backward pass for each."""
        with self.paddle.enable_grad():
            x = self.variable(x)
            y = function(x)
            return [self.paddle.grad(y, x, direction, retain_graph=True)[0] for direction in directions]

    @staticmethod
    def variable(x: Array) -> Array:
        """A copy of a tensor to differentiate by."""
        x = x.detach().clone()
        x.stop_gradient = False
        return x

    @staticmethod
    def sum_into_rows(values: Array, rows: Array, count: int) -> Array:
        """Row k is the sum of the `values` whose `rows` are k."""
        import paddle

        zeros = paddle.zeros((count, *values.shape[1:]), values.dtype, device=values.place)
        return paddle.index_add(zeros, rows, 0, values)


@cache
def require_kernels(dtype: Any, device: str) -> None:
    """Raise a `BackendError` for a precision in which Paddle cannot multiply matrices on a device."""
    import paddle

    try:
        x = paddle.ones((1, 1), "float32", device=device).astype(dtype)
        paddle.tanh(x @ x)
    except RuntimeError as error:
        what = f"Paddle cannot multiply matrices of {dtype} on {device}; use float32, or torch or jax"
        raise BackendError(what, backend="paddle", hint="float32") from error
