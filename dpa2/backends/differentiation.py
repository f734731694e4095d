"""The part of a back end that training needs: gradients of functions of dictionaries of arrays, and an optimizer.

PyTorch and JAX have it, each in a file of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import BackendError, MissingDependency
from ..nn.arrays import Array, array_namespace
from .own_settings import Function, under

if TYPE_CHECKING:
    import numpy as np

Arrays = Mapping[str, Array]
PACKAGES = {"jax": ("jax", "optax"), "torch": ("torch",)}  # that training needs, by library; the first is preferred
INSTALL = "pip install 'dpa2[torch]' or pip install 'dpa2[jax,train]'"
EPSILON = 1e-8  # of Adam; it is the reference's, which cannot be set


@dataclass(frozen=True)
class OptimizerSettings:
    """Adam, with the decay of weights in the gradient, or AdamW (`decoupled`), with the decay beside it.

    Source: section 4 of the specification of training.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    decay: float = 0.0
    decoupled: bool = False


class Optimizer(Protocol):
    """An optimizer and the parameters that it changes, by name."""

    @property
    def parameters(self) -> dict[str, Array]:
        """The parameters as they are now."""

    def update(self, slopes: Arrays, rate: float) -> None:
        """Make one step by the gradients of some parameters; others stay as they are, with their moments and counts."""

    def state(self) -> dict[str, np.ndarray]:
        """Return copies of parameters ("weights/NAME"), moments ("moment1/...", "moment2/...") and of the number of
        steps of each parameter ("updates/..."), from which `restore` goes on to the bit."""

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a state."""


class Differentiation(Protocol):
    """Derivatives as an array library takes them."""

    @property
    def way(self) -> str:
        """The way of the gradient by weights: "forward" or "adjoint" (`training/steps/slopes.py`)."""

    @property
    def backend(self) -> Any:
        """The back end of the library, which runs what is not differentiated."""

    def settings(self) -> AbstractContextManager[Any]:
        """Return a context with the settings of the library that steps of training want."""

    @property
    def keeper(self) -> Keeper | None:
        """Itself, if it keeps the graphs of stages until derivatives go back; None if stages are computed again."""

    def slopes(self, function: Callable, x: Arrays, *fixed: Any) -> tuple[Array, Any, dict[str, Array]]:
        """Return value, extra results and gradient by x of `function(x, *fixed)`, which returns value and extra."""

    def compiled_slopes(self, function: Callable, x: Arrays, *fixed: Any) -> tuple[Array, Any, dict[str, Array]]:
        """Return the same; where the library compiles, it compiles a function once for each shape of its arguments.

        function: hashable and equal to others that compute the same. fixed: trees of dictionaries and arrays.
        """

    def depends(self, function: Callable, tracked: tuple[bool, ...], arguments: tuple) -> tuple[bool, ...]:
        """Return, for each leaf of `function(*arguments)`, whether it depends on a leaf that is tracked."""

    def forward(self, function: Callable, calls: list[tuple]) -> list[tuple]:
        """Return, for each call (arguments, changes), `function(*arguments)` and the changes of its leaves.

        arguments: a tuple of trees. changes: of each leaf, in order; None for one that does not change, and in results
        for integers.
        """

    def backward(self, function: Callable, tracked: tuple[bool, ...], calls: list[tuple]) -> list[tuple]:
        """Return, for each call (arguments, changes, by_values, by_changes), the derivatives of a number by the values
        and by the changes of its arguments' leaves, in order; None for leaves that are not tracked.

        by_values, by_changes: derivatives of the number by the values and the changes of the result's leaves; None
        where it does not depend on them.
        """

    def summed(self, trees: list[Any]) -> Any:
        """Return the sum of equal trees of tuples, arrays and None."""

    def rows(self, x: Array, sizes: tuple[int, ...]) -> Sequence[Array]:
        """Return consecutive rows of x, so many for each of the sizes."""

    def plain(self, function: Callable, *arguments: Any) -> Any:
        """Return `function(*arguments)` where nothing is to be differentiated."""

    def compiled(self, function: Callable, *arguments: Any) -> Any:
        """Return the same of trees of arrays and numbers, compiled like `compiled_slopes`."""

    def optimizer(self, settings: OptimizerSettings, parameters: Arrays) -> Optimizer:
        """Return an optimizer of copies of parameters."""


class Keeper(Differentiation, Protocol):
    """Derivatives of a library that keeps graphs of functions of chunks."""

    def graphs(self, functions: list[Callable], tracked: tuple[bool, ...], arguments: list[tuple]) -> tuple[list, list]:
        """Return, for each chunk, the leaves of its arguments and the result of its function, which has a graph."""

    def without_graph(self, result: Any) -> tuple[list, Any, tuple[bool, ...]]:
        """Return the leaves of a result as they are, the result without its graph, and which leaves had one."""

    def back(self, leaves: list[list], ends: list[list], slopes: list[list], keep: bool) -> list[tuple]:
        """Return, for each chunk, the derivatives by leaves from those by the ends of its graph (None: nothing).

        keep: whether the graph serves once more.
        """


def settled(function: Function) -> Function:
    """Return a method of an object with a `differentiation`, run under the settings that steps of training want."""
    return under(lambda trainer: trainer.differentiation.settings())(function)


def differentiation(backend: Any, recompute: bool = False) -> Differentiation:
    """Return how a back end's library differentiates.

    backend: a `Backend`. recompute: whether PyTorch computes stages again on the way back, which takes less memory and
    more time; JAX always does.

    Raises `BackendError` for a library without derivatives by weights.
    """
    if backend.name == "torch":
        from .torch_differentiation import TorchDifferentiation

        return TorchDifferentiation(backend, recompute)
    if backend.name == "jax":
        from .jax_differentiation import JAXDifferentiation

        return JAXDifferentiation(backend)
    what = f"{backend.name} has no derivatives by weights, which training needs; train on 'torch' or 'jax' ({INSTALL})"
    raise BackendError(what, backend=backend.name, hint=INSTALL)


def default_library() -> str:
    """Return the library that trains where none is named: the first whose packages are installed."""
    for name, packages in PACKAGES.items():
        if all(find_spec(package) is not None for package in packages):
            return name
    raise MissingDependency(f"training needs PyTorch or JAX: {INSTALL}", package="torch", install=INSTALL)


def is_real(x: Array) -> bool:
    """Return whether an array holds real numbers."""
    return bool(array_namespace(x).isdtype(x.dtype, "real floating"))
