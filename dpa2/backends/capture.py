"""Programs of PyTorch's operations, recorded once for the shapes of their arguments and replayed without our Python.

On a GPU a program is a CUDA graph; in memory it is a list of PyTorch's own operations, with which tests hold recording
and replaying to the bits of what was recorded.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import cache, partial
from operator import getitem
from threading import Lock
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from ..nn.arrays import Array
from ..nn.flat import flattened, refilled
from ..nn.module import array_fields, is_module

MOST_CAPTURED = 16  # programs; each keeps copies of its arguments and results
WARM = 3  # calls before a capture, in which libraries choose kernels and take their workspaces

Arrays = Sequence[Array]


class CaptureWarning(RuntimeWarning):
    """PyTorch could not record a program; it is run operation by operation."""


class Record(Protocol):
    """A maker of programs from functions of arrays, and from arrays like those that they are replayed with."""

    def __call__(self, function: Callable[..., Arrays], leaves: Arrays) -> Callable[[Arrays], Arrays]:
        """Return the program: it takes all arrays in one list."""


class Captures:
    """Recorded programs of functions of trees of arrays, by the shapes of these arrays; the oldest are dropped.

    record: makes a program. Arrays of modules never change; bare ones may, so they are read again in each call.
    """

    def __init__(self, record: Record) -> None:
        self.record, self.lock = record, Lock()
        self.programs: OrderedDict[tuple, tuple[Callable[[Arrays], Arrays], Any]] = OrderedDict()
        self.known: WeakKeyDictionary[Any, tuple[tuple, Arrays]] = WeakKeyDictionary()

    def __len__(self) -> int:
        """The number of programs."""
        return len(self.programs)

    def __call__(self, function: Callable, backend: Any, arguments: tuple) -> Any:
        """Return `function(backend, *arguments)`, replayed where a program for these shapes was recorded."""
        forms, parts = zip(*map(self.taken_apart, arguments), strict=True)
        if any(map(backend.transformed, parts)):
            return function(backend, *arguments)
        leaves = [leaf for part in parts for leaf in part]
        with self.lock, backend.torch.inference_mode(False), backend.torch.no_grad():
            key = function, forms
            if key not in self.programs:
                self.programs[key] = self.recorded(partial(function, backend), arguments, leaves)
            self.programs.move_to_end(key)
            while len(self) > MOST_CAPTURED:
                self.programs.popitem(last=False)
            program, tree = self.programs[key]
            return refilled(tree, program(leaves))

    def taken_apart(self, tree: Any) -> tuple[tuple, Arrays]:
        """Return the form and the arrays of an argument; those of a module are found once."""
        if not is_module(tree):
            return form(tree), [leaf.view_as(leaf) for leaf in flattened(tree)]  # new objects: they may have changed
        if tree not in self.known:
            self.known[tree] = form(tree), flattened(tree)
        return self.known[tree]

    def recorded(self, function: Callable, arguments: tuple, leaves: Arrays) -> tuple[Callable[[Arrays], Arrays], Any]:
        """Return a program, and a tree with its results as leaves, in place of which those of a replay are put."""
        trees: list[Any] = []

        def of_leaves(*given: Array) -> Arrays:
            trees[:] = [function(*refilled(arguments, given))]
            return flattened(trees[0])

        try:
            program = self.record(of_leaves, leaves)
        except RuntimeError as error:
            what = str(error).splitlines()[0]
            warnings.warn(f"PyTorch does not record this program: {what}. It is slower", CaptureWarning, stacklevel=6)
            return lambda given: of_leaves(*given), refilled_by_places(of_leaves(*leaves), trees[0])
        return program, refilled_by_places(flattened(trees[0]), trees[0])


def refilled_by_places(leaves: Arrays, tree: Any) -> Any:
    """Return the tree with the places of its leaves as leaves, so that it keeps no array."""
    return refilled(tree, range(len(leaves)))


def form(tree: Any) -> tuple:
    """Return all of a tree but its numbers: classes, settings, shapes, precisions and devices."""
    if tree is None:
        return ()
    if isinstance(tree, tuple | list):
        return (type(tree), *map(form, tree))
    if not is_module(tree):
        return tuple(tree.shape), tree.dtype, tree.device
    kind: type = type(tree)
    parts = [field.name for field in array_fields(kind)]
    settings = [getattr(tree, field.name) for field in fields(tree) if field.name not in parts]
    return (kind, *settings, *(form(getattr(tree, name)) for name in parts))


class CUDAGraphs:
    """Records CUDA graphs, which share one pool of memory; none is replayed before the one before it has ended."""

    def __init__(self) -> None:
        import torch

        self.torch: Any = torch
        self.pool, self.ended = torch.cuda.graph_pool_handle(), torch.cuda.Event()

    def __call__(self, function: Callable[..., Arrays], leaves: Arrays) -> CUDAGraph:
        """Return the CUDA graph of a function."""
        with self.torch.cuda.device(leaves[0].device):
            return CUDAGraph(self, function, leaves)


class CUDAGraph:
    """A function as one CUDA graph, which reads its arguments from arrays of its own."""

    def __init__(self, shared: CUDAGraphs, function: Callable[..., Arrays], leaves: Arrays) -> None:
        self.shared, self.cuda, self.given = shared, shared.torch.cuda, leaves
        self.arguments = [leaf.clone() for leaf in leaves]
        beside = self.cuda.Stream()
        beside.wait_stream(self.cuda.current_stream())
        with self.cuda.stream(beside):
            for _ in range(WARM):
                function(*self.arguments)
        self.cuda.current_stream().wait_stream(beside)
        self.graph = self.cuda.CUDAGraph()
        with self.cuda.graph(self.graph, pool=shared.pool):
            self.results = function(*self.arguments)
        places = {id(leaf): place for place, leaf in enumerate(self.arguments)}
        self.passed_on = [places.get(id(result)) for result in self.results]

    def __call__(self, leaves: Arrays) -> Arrays:
        """Return the results for other arguments; a result that is an argument is that argument itself."""
        with self.cuda.device(leaves[0].device):
            self.cuda.current_stream().wait_event(self.shared.ended)
            for own, leaf, before in zip(self.arguments, leaves, self.given, strict=True):
                if leaf is not before:
                    own.copy_(leaf)
            self.given = leaves
            self.graph.replay()
            found = zip(self.results, self.passed_on, strict=True)
            results = [own.clone() if place is None else leaves[place] for own, place in found]
            self.shared.ended.record()
        return results


def in_memory(function: Callable[..., Arrays], leaves: Arrays) -> Callable[[Arrays], Arrays]:
    """Return the program of a function as a list of PyTorch's operations; the form of a CUDA graph on processors.

    Raises RuntimeError where a CUDA graph could not be made: a number is brought to the host, or comes from there.
    """
    from torch.fx import GraphModule

    with recorder()(leaves) as record:
        results = function(*leaves)
    record.graph.output(tuple(record.nodes[result] for result in results))
    program: Any = GraphModule({}, record.graph)
    return lambda given: program(*given)


@cache
def recorder() -> Any:
    """Return the class that records operations; PyTorch is imported for it."""
    import torch
    from torch.fx import Graph
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_map_only
    from torch.utils.weak import WeakTensorKeyDictionary

    class Recorder(TorchDispatchMode):
        """Writes each operation that PyTorch executes into a graph. nodes: of the arrays that it knows."""

        def __init__(self, leaves: Arrays) -> None:
            super().__init__()
            self.graph, self.nodes = Graph(), WeakTensorKeyDictionary()
            for place, leaf in enumerate(leaves):
                self.nodes[leaf] = self.graph.placeholder(f"argument_{place}")

        def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            given = tree_map_only(torch.Tensor, self.node, (args, kwargs or {}))
            found = operation(*args, **kwargs or {})
            node = self.graph.call_function(operation, *given)
            if isinstance(found, torch.Tensor):
                self.nodes[found] = node
            elif isinstance(found, tuple | list):
                for place, array in enumerate(found):
                    self.nodes[array] = self.graph.call_function(getitem, (node, place))
            else:
                raise RuntimeError(f"{operation} brings a number to the host")
            return found

        def node(self, array: Array) -> Any:
            """Return the node of an array."""
            if array not in self.nodes:
                raise RuntimeError("an array comes from the host")
            return self.nodes[array]

    return Recorder
