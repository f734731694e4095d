"""PyTorch: eager, on any device, differentiable in the weights."""

from __future__ import annotations

import numpy as np

from ..errors import BackendError, require
from ..plan import Shape


class Torch:
    """Arrays are tensors on `device`."""

    name = "torch"
    shape = Shape(size=64)

    def __init__(self, device: str | None = None):
        self.torch = require("torch", "torch")
        try:
            self.device = self.torch.empty(0, device=device or "cpu").device
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise BackendError(f"PyTorch cannot use device {device!r}: {reason}", backend="torch", hint="cpu") from error

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

    def run(self, function, shared, *lists) -> list:
        """`function(*shared, *items)` for the items of every block."""
        return [function(*shared, *items) for items in zip(*lists, strict=True)]

    def uncompiled(self):
        """A back end on which every intermediate can be looked at."""
        return self

    def sum_into_rows(self, values, rows, count: int):
        """Row k is the sum of the `values` whose `rows` are k."""
        zero = self.torch.zeros((count, *values.shape[1:]), dtype=values.dtype, device=values.device)
        return zero.index_add(0, rows, values)
