"""PyTorch: eager, on any device, differentiable in the weights."""

from __future__ import annotations

import numpy as np

from ..errors import BackendError, require
from ..module import map_leaves
from ..plan import Shape
from .eager import Eager
from .threads import keep_freed_memory


class Torch(Eager):
    """Arrays are tensors on `device`."""

    name = "torch"
    shape = Shape(size=64)

    def __init__(self, device: str | None = None):
        self.torch = require("torch", "torch")
        try:
            self.device = self.torch.empty(0, device=device or "cpu").device
        except (RuntimeError, AssertionError) as error:
            what = f"PyTorch cannot use device {device!r}: {str(error).splitlines()[0]}"
            raise BackendError(what, backend="torch", hint="cpu") from error
        if self.device.type == "cpu":
            keep_freed_memory()

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
        jacobian = self.torch.stack([self.end_to_end(row) for row in rows])
        return [(jacobian @ self.end_to_end(d)).reshape(y.shape) for d in directions]

    def end_to_end(self, parts):
        return self.torch.cat([part.reshape(-1) for part in parts])

    def sum_into_rows(self, values, rows, count: int):
        """Row k is the sum of the `values` whose `rows` are k."""
        zero = self.torch.zeros((count, *values.shape[1:]), dtype=values.dtype, device=values.device)
        return zero.index_add(0, rows, values)


BUFFERS = ("mean", "std", "deviation", "frame_mean", "frame_scale", "atom_mean", "atom_scale", "case")


def as_module(model):
    """A `torch.nn.Module` whose parameters are the weights of `model`, under their canonical names.

    `module(prepared)` evaluates what `model.prepare_systems` prepared, differentiably in the parameters, forces and
    virial included. Statistics and output bias are buffers.
    """
    from ..evaluation import evaluate_prepared

    torch = require("torch", "torch")

    class EnergyModule(torch.nn.Module):
        """A view of an energy model."""

        def __init__(self):
            super().__init__()
            map_leaves(self.register, model.weights)

        def register(self, name: str, tensor):
            """A tensor as parameter or buffer of the submodule that its name says."""
            *path, last = name.split(".")
            place = self
            for part in path:
                if part not in place._modules:
                    place.add_module(part, torch.nn.Module())
                place = place._modules[part]
            fixed = last in BUFFERS or name in ("bias", "fitting.bias")
            tensor = tensor.detach().clone()
            place.register_buffer(last, tensor) if fixed else place.register_parameter(last, torch.nn.Parameter(tensor))

        def weights(self):
            """The tree of modules over the present parameters."""
            state = {**dict(self.named_parameters()), **dict(self.named_buffers())}
            return map_leaves(lambda name, _: state[name], model.weights)

        def forward(self, prepared, atom_virial: bool = False):
            """A list of `Evaluation`, one for each system."""
            return evaluate_prepared(self.weights().fold(), model.backend, prepared, atom_virial)

    return EnergyModule()
