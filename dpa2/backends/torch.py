"""PyTorch: operation by operation, on any device, differentiable in the weights.

On a processor, models are evaluated by NumPy on the memory of the tensors: PyTorch hands products of small matrices to
a library that takes several times as long for them. What is differentiated is evaluated by PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Self

import numpy as np

from ..batching.plan import ChunkShape
from ..descriptor.runner import Back, Stage, kept
from ..errors import BackendError
from ..nn.arrays import Array
from .capture import Captures, CUDAGraphs, Record
from .eager import Eager, Result
from .gradients import require_gradients
from .numpy import NumPy
from .own_settings import torch_settings
from .protocol import Backend, implements_backend
from .threads import keep_freed_memory

ON_GPU = ChunkShape(size=8192)
NUMPY_ROUNDS = ("float16",)  # PyTorch rounds float64 to float32 first, and some numbers then end beside the nearest one


@implements_backend
class Torch(Eager):
    """Arrays are tensors on `device`."""

    name = "torch"
    captures: Captures | None = None  # of functions as a whole; None where they are run operation by operation

    def __init__(self, device: str | None = None) -> None:
        import torch

        self.torch: Any = torch
        require_gradients()
        self.place = self.found(device or "cpu")
        self.device = str(self.place)
        self.shape = NumPy.shape if self.place.type == "cpu" else ON_GPU
        if self.place.type == "cpu":
            keep_freed_memory()
        if self.place.type == "cuda":
            self.captures = Captures(CUDAGraphs())

    def found(self, device: str) -> Any:
        """PyTorch's object for a device that it can use."""
        try:
            return self.torch.empty(0, device=device).device
        except (RuntimeError, AssertionError) as error:
            what = f"PyTorch cannot use device {device!r}: {str(error).splitlines()[0]}"
            raise BackendError(what, backend="torch", hint="cpu") from error

    def inference(self, dtypes: set[str]) -> Backend:
        """NumPy, for models in memory and in its precisions; otherwise PyTorch."""
        shared = self.place.type == "cpu" and dtypes <= {"float64", "float32"}
        return NumPy().with_shape(self.shape) if shared else self

    def uncompiled(self) -> Backend:
        """PyTorch without the help of NumPy."""
        return self.as_class(EagerTorch)

    def whole(self, function: Callable[..., Result], arguments: tuple) -> Result:
        """`function(self, *arguments)`; on a GPU recorded once for the shapes, and replayed."""
        if self.captures is None:
            return function(self, *arguments)
        return self.captures(function, self, arguments)  # type: ignore[no-any-return]

    def recording(self, record: Record) -> Self:
        """The same back end, for which `record` makes programs of whole functions."""
        other = self.with_shape(self.shape)
        other.captures = Captures(record)
        return other

    def run_stage(self, stage: Stage, shared: tuple, *lists: Sequence) -> tuple[list, Back]:
        """The results of a stage for every chunk, and the way back; while PyTorch keeps a graph, all is kept."""
        keep = self.torch.is_grad_enabled() and not self.torch.is_inference_mode_enabled()
        return kept(stage, shared, *lists) if keep else super().run_stage(stage, shared, *lists)

    def transformed(self, arguments: Any) -> bool:
        """Return whether PyTorch keeps a graph for one of the arguments, or `torch.func` transforms it."""
        recorded = self.torch.is_grad_enabled() and not self.torch.is_inference_mode_enabled()
        wrapped = self.torch._C._functorch.is_functorch_wrapped_tensor
        arrays = [x for x in arguments if isinstance(x, self.torch.Tensor)]
        return any((recorded and x.requires_grad) or wrapped(x) for x in arrays)

    def asarray(self, x: Array, dtype: str | None = None) -> Array:
        """A NumPy array as a tensor, without a copy where that is possible."""
        with self.torch.inference_mode(False):  # whose tensors could not be differentiated by later
            if not isinstance(x, self.torch.Tensor):
                x = np.asarray(x, dtype=dtype if dtype in NUMPY_ROUNDS else None)
                x = self.torch.from_numpy(x if x.flags.writeable and x.flags.c_contiguous else x.copy())
            return x.to(device=self.place, dtype=None if dtype is None else getattr(self.torch, dtype))

    def to_numpy(self, x: Array) -> np.ndarray:
        """A tensor as a NumPy array, without its gradient."""
        x = x.detach().cpu()
        return (x.float() if x.dtype == self.torch.bfloat16 else x).numpy()

    def wide(self) -> str:
        """The precision of coordinates, energies and sums."""
        return "float64"

    def own_settings(self) -> AbstractContextManager[Any]:
        """A context with the settings of PyTorch that evaluations want."""
        return torch_settings(self.place.type)

    def symmetric_derivatives(self, function: Callable, x: Array, directions: Sequence[Array]) -> list[Array]:
        """Derivatives of function(x) along each direction: one graph for all, and a backward pass for each."""
        with self.torch.inference_mode(False), self.torch.enable_grad():
            x = x.detach().clone().requires_grad_()
            y = function(x)
            return [self.torch.autograd.grad(y, x, direction, retain_graph=True)[0] for direction in directions]

    @staticmethod
    def sum_into_rows(values: Array, rows: Array, count: int) -> Array:
        """Row k is the sum of the `values` whose `rows` are k."""
        return values.new_zeros((count, *values.shape[1:])).index_add(0, rows, values)


class EagerTorch(Torch):
    """PyTorch that evaluates all models itself, operation by operation."""

    def __init__(self, device: str | None = None) -> None:
        super().__init__(device)
        self.captures = None

    def inference(self, dtypes: set[str]) -> Backend:
        """PyTorch itself."""
        return self
