"""Derivatives of PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from ..nn.arrays import Array
from ..nn.flat import flattened, refilled
from .differentiation import Arrays, OptimizerSettings
from .threads import available, libraries, run_pinned
from .torch import Torch
from .torch_optimizer import TorchOptimizer


class TorchDifferentiation:
    """Derivatives by PyTorch's graphs, operation by operation."""

    way = "adjoint"

    def __init__(self, backend: Torch, recompute: bool = False) -> None:
        import torch

        self.torch: Any = torch
        self.keeper = None if recompute else self
        self.known: dict[tuple, tuple[bool, ...]] = {}
        self.threads = available() if backend.place.type == "cpu" else 1
        self.backend = backend

    @contextmanager
    def settings(self) -> Iterator[None]:
        """The settings of evaluations, and in memory one thread for an operation: arrays are too small to share.

        On a machine where others work, threads that share an operation wait for each other for seconds.
        """
        alone = libraries("openmp").limit(limits=1) if self.backend.place.type == "cpu" else nullcontext()
        with self.backend.own_settings(), alone:
            yield

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

    def depends(self, function: Callable, tracked: tuple[bool, ...], arguments: tuple) -> tuple[bool, ...]:
        """Whether each leaf of a result depends on a tracked one, by a graph that is made once."""
        key = function, tracked
        if key not in self.known:
            _, result = self.graph(function, tracked, arguments)
            self.known[key] = self.without_graph(result)[2]
        return self.known[key]

    def forward(self, function: Callable, calls: list[tuple]) -> list[tuple]:
        """Results without graphs; nothing may change."""

        def one(arguments: tuple, changes: Sequence) -> tuple:
            with self.torch.inference_mode(False), self.torch.no_grad():
                out = function(*arguments)
            return out, (None,) * len(flattened(out))

        return self.in_threads(one, calls)

    def backward(self, function: Callable, tracked: tuple[bool, ...], calls: list[tuple]) -> list[tuple]:
        """Derivatives by arguments; each chunk has a graph for as long as it takes."""

        def one(arguments: tuple, changes: Sequence, by_values: Sequence, by_changes: Sequence) -> tuple:
            leaves, result = self.graph(function, tracked, arguments)
            found = self.pulled(leaves, flattened(result), by_values)
            return found, (None,) * len(found)

        return self.in_threads(one, calls)

    def graphs(self, functions: list[Callable], tracked: tuple[bool, ...], arguments: list[tuple]) -> tuple[list, list]:
        """The leaves of arguments, and the results of functions of chunks, which have graphs."""
        calls = [(function, tracked, each) for function, each in zip(functions, arguments, strict=True)]
        leaves, results = zip(*self.in_threads(self.graph, calls), strict=True)
        return list(leaves), list(results)

    def graph(self, function: Callable, tracked: tuple[bool, ...], arguments: tuple) -> tuple[list, Any]:
        """The leaves of the arguments of a function of a chunk, and its result, which has a graph."""
        with self.torch.inference_mode(False), self.torch.enable_grad():
            pairs = zip(flattened(arguments), tracked, strict=True)
            leaves = [x.detach().requires_grad_() if yes else x for x, yes in pairs]
            return leaves, function(*refilled(arguments, leaves))

    def without_graph(self, result: Any) -> tuple[list, Any, tuple[bool, ...]]:
        """The leaves of a result, the result without its graph, and which leaves had one."""
        leaves = flattened(result)
        return leaves, refilled(result, [x.detach() for x in leaves]), tuple(x.requires_grad for x in leaves)

    def back(self, leaves: list[list], ends: list[list], slopes: list[list], keep: bool) -> list[tuple]:
        """Derivatives by the leaves of the graphs of chunks."""
        calls = [(*each, keep) for each in zip(leaves, ends, slopes, strict=True)]
        return self.in_threads(self.pulled, calls)

    def pulled(self, leaves: list, ends: list, slopes: Sequence, keep: bool = False) -> tuple:
        """Derivatives by leaves from those by the ends of their graph."""
        used = [(x, slope) for x, slope in zip(ends, slopes, strict=True) if slope is not None and x.requires_grad]
        given = [x for x in leaves if x.requires_grad]
        if not (used and given):
            return (None,) * len(leaves)
        arrays, by_arrays = map(list, zip(*used, strict=True))
        found = iter(self.torch.autograd.grad(arrays, given, by_arrays, retain_graph=keep, allow_unused=True))
        return tuple(next(found) if x.requires_grad else None for x in leaves)

    def in_threads(self, function: Callable, calls: list[tuple]) -> list:
        """The results of a function for each chunk, on all processors.

        PyTorch goes back through a graph in an order that depends on which threads made its parts, and rounds sums
        accordingly: so that a training can be repeated to the bit, a chunk stays with its thread.
        """
        return run_pinned(function, calls, self.threads, settle_thread)

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

    compiled = plain

    def optimizer(self, settings: OptimizerSettings, parameters: Arrays) -> TorchOptimizer:
        """`torch.optim.Adam` or `torch.optim.AdamW`."""
        return TorchOptimizer(settings, parameters, self.backend)


def settle_thread() -> None:
    """Let operations of the calling thread use no others; PyTorch must be asked before it takes a limit."""
    import torch

    torch.get_num_threads()
    libraries("openmp").limit(limits=1)
