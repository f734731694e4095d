"""PyTorch: eager, on any device, differentiable in the weights.

On a processor, models are evaluated by NumPy on the memory of the tensors: PyTorch hands products of small matrices to
a library that takes several times as long for them. Whatever is differentiated is PyTorch's.
"""

from __future__ import annotations

import numpy as np

from ..batching.plan import Shape
from ..errors import BackendError, require
from .eager import Eager
from .numpy import NumPy
from .threads import keep_freed_memory


class Torch(Eager):
    """Arrays are tensors on `device`."""

    name = "torch"

    def __init__(self, device: str | None = None):
        self.torch = require("torch", "torch")
        try:
            self.device = self.torch.empty(0, device=device or "cpu").device
        except (RuntimeError, AssertionError) as error:
            what = f"PyTorch cannot use device {device!r}: {str(error).splitlines()[0]}"
            raise BackendError(what, backend="torch", hint="cpu") from error
        self.threads = 1
        self.shape = NumPy.shape if self.device.type == "cpu" else Shape(size=8192)
        if self.device.type == "cpu":
            keep_freed_memory()

    def inference(self, dtypes: set[str]):
        """What evaluates models of these precisions where nothing is differentiated."""
        shared = self.device.type == "cpu" and dtypes <= {"float64", "float32"}
        return NumPy() if shared else self

    def uncompiled(self):
        """PyTorch alone, operation by operation."""
        return EagerTorch(str(self.device))

    def asarray(self, x, dtype: str | None = None):
        """A NumPy array as a tensor."""
        if not isinstance(x, self.torch.Tensor):
            x = np.asarray(x)
            x = self.torch.from_numpy(x if x.flags.writeable and x.flags.c_contiguous else x.copy())
        return x.to(device=self.device, dtype=None if dtype is None else getattr(self.torch, dtype))

    def to_numpy(self, x) -> np.ndarray:
        x = x.detach().cpu()
        return (x.float() if x.dtype == self.torch.bfloat16 else x).numpy()

    def wide(self) -> str:
        """The precision of coordinates, energies and sums."""
        return "float64"

    def derivatives(self, function, x: list, directions: list) -> list:
        """How function(x) changes along each direction; one graph serves all, a backward pass for each number of y."""
        x = [a.detach().requires_grad_() for a in x]
        y = function(x)
        rows = [self.torch.autograd.grad(element, x, retain_graph=True) for element in y.reshape(-1)]
        jacobian = self.torch.stack([self.vector(row) for row in rows])
        return [(jacobian @ self.vector(d)).reshape(y.shape) for d in directions]

    def vector(self, parts):
        return self.torch.cat([part.reshape(-1) for part in parts])

    @staticmethod
    def sum_into_rows(values, rows, count: int):
        """Row k is the sum of the `values` whose `rows` are k."""
        return values.new_zeros((count, *values.shape[1:])).index_add(0, rows, values)


class EagerTorch(Torch):
    """PyTorch alone, also where NumPy would do."""

    def inference(self, dtypes: set[str]):
        return self
