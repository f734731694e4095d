"""Derivatives of PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..nn.arrays import Array
from ..nn.flat import flattened, refilled
from .differentiation import Arrays, OptimizerSettings, is_real
from .threads import available, run_on_cache
from .torch import Torch
from .torch_optimizer import TorchOptimizer


class TorchDifferentiation:
    """Derivatives by PyTorch's graphs, operation by operation."""

    def __init__(self, backend: Torch, recompute: bool = False) -> None:
        import torch

        self.torch: Any = torch
        self.way = "adjoint" if recompute else "graph"
        self.known: dict[tuple, tuple[bool, ...]] = {}
        self.threads = available() if backend.place.type == "cpu" else 1
        self.backend = backend

    def slopes(self, function: Callable, x: Arrays, *fixed: Any) -> tuple[Array, Any, dict[str, Array]]:
        """Value, extra results and gradient by x; zero for what the value does not depend on."""
        with self.torch.inference_mode(False), self.torch.enable_grad():
            leaves = {name: array.detach().clone().requires_grad_() for name, array in x.items()}
            value, extra = function(leaves, *fixed)
            found = self.torch.autograd.grad(
                value, list(leaves.values()), allow_unused=True, materialize_grads=True
            )  # fmt: skip
        return value.detach(), extra, dict(zip(leaves, found, strict=True))

    compiled_slopes = slopes

    def vjp(self, function: Callable, leaves: list) -> tuple[list, Callable[[list], list]]:
        """Values of a function of tensors, and the pullback through its graph, which can be used once."""
        with self.torch.inference_mode(False), self.torch.enable_grad():
            given = [x.detach().requires_grad_() if is_real(x) else x for x in leaves]
            ends = function(given)
        real = [x for x in given if x.requires_grad]

        def pull(slopes: list) -> list:
            found = iter(self.torch.autograd.grad(ends, real, slopes, allow_unused=True))
            return [next(found) if x.requires_grad else None for x in given]

        return [x.detach() for x in ends], pull

    def depends(self, function: Callable, tracked: tuple[bool, ...], arguments: tuple) -> tuple[bool, ...]:
        """Whether each leaf of a result depends on a tracked one, by a graph that is made once."""
        key = function, tracked
        if key not in self.known:
            self.known[key] = tuple(x.requires_grad for x in self.graph(function, tracked, arguments)[1])
        return self.known[key]

    def forward(self, function: Callable, calls: list[tuple]) -> list[tuple]:
        """Results without graphs, chunk by chunk on all processors; nothing may change."""

        def one(arguments: tuple, changes: Sequence) -> tuple:
            with self.torch.inference_mode(False), self.torch.no_grad():
                out = function(*arguments)
            return out, (None,) * len(flattened(out))

        return run_on_cache(one, (), calls, self.threads)

    def backward(self, function: Callable, tracked: tuple[bool, ...], calls: list[tuple]) -> list[tuple]:
        """Derivatives by arguments, chunk by chunk on all processors; each has a graph for as long as it takes."""

        def one(arguments: tuple, changes: Sequence, by_values: Sequence, by_changes: Sequence) -> tuple:
            leaves, out = self.graph(function, tracked, arguments)
            pairs = zip(out, by_values, strict=True)
            used = [(x, slope) for x, slope in pairs if slope is not None and x.requires_grad]
            if not used:
                return (None,) * len(leaves), (None,) * len(leaves)
            ends, slopes = map(list, zip(*used, strict=True))
            given = [x for x in leaves if x.requires_grad]
            found = iter(self.torch.autograd.grad(ends, given, slopes, allow_unused=True))
            return tuple(next(found) if x.requires_grad else None for x in leaves), (None,) * len(leaves)

        return run_on_cache(one, (), calls, self.threads)

    def graph(self, function: Callable, tracked: tuple[bool, ...], arguments: tuple) -> tuple[list, list]:
        """The leaves of the arguments of a function of a chunk, and those of its result, which has a graph."""
        with self.torch.inference_mode(False), self.torch.enable_grad():
            pairs = zip(flattened(arguments), tracked, strict=True)
            leaves = [x.detach().requires_grad_() if yes else x for x, yes in pairs]
            return leaves, flattened(function(*refilled(arguments, leaves)))

    def summed(self, trees: list[Any]) -> Any:
        """The sum of equal trees."""
        first = trees[0]
        if first is None:
            present = [tree for tree in trees if tree is not None]
            return None if not present else sum(present[1:], present[0])
        if isinstance(first, tuple):
            return tuple(self.summed(list(parts)) for parts in zip(*trees, strict=True))
        return sum((tree for tree in trees[1:] if tree is not None), first)

    def rows(self, x: Array, sizes: tuple[int, ...]) -> Sequence[Array]:
        """Consecutive rows of x."""
        return self.torch.split(x, list(sizes))

    def plain(self, function: Callable, *arguments: Any) -> Any:
        """The value of a function, without a graph."""
        with self.torch.inference_mode(False), self.torch.no_grad():
            return function(*arguments)

    def optimizer(self, settings: OptimizerSettings, parameters: Arrays) -> TorchOptimizer:
        """`torch.optim.Adam` or `torch.optim.AdamW`."""
        return TorchOptimizer(settings, parameters, self.backend)
