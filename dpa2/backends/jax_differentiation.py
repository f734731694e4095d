"""Derivatives of JAX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cache, lru_cache
from typing import Any

from ..nn.arrays import Array, cut
from ..nn.flat import flattened, refilled
from .compiling import Program, compiler_options, exactly
from .differentiation import Arrays, OptimizerSettings, is_real
from .jax import JAX
from .jax_optimizer import OptaxOptimizer
from .own_settings import settle_thread
from .threads import run_in_threads

MOST_FUNCTIONS = 64  # of trainings that are kept compiled; some hold the weights of a model
NETS = ("begin",)  # functions of chunks that evaluate embedding nets at every neighbour


class JAXDifferentiation:
    """Derivatives by JAX's transformations."""

    way = "forward"
    keeper = None  # JAX keeps no graphs of what it has compiled

    def __init__(self, backend: JAX) -> None:
        import jax

        self.jax: Any = jax
        self.known: dict[tuple, tuple[bool, ...]] = {}
        self.backend, self.platform = backend, backend.place.platform

    def settings(self) -> AbstractContextManager[Any]:
        """The settings of evaluations."""
        return self.backend.own_settings()

    def slopes(self, function: Callable, x: Arrays, *fixed: Any) -> tuple[Array, Any, dict[str, Array]]:
        """Value, extra results and gradient by x; zero for what the value does not depend on."""
        (value, extra), found = self.jax.value_and_grad(function, has_aux=True)(dict(x), *fixed)
        return value, extra, found

    def compiled_slopes(self, function: Callable, x: Arrays, *fixed: Any) -> tuple[Array, Any, dict[str, Array]]:
        """The same, compiled."""
        (value, extra), found = compiled_gradient(function)(dict(x), *fixed)
        return value, extra, found

    def depends(self, function: Callable, tracked: tuple[bool, ...], arguments: tuple) -> tuple[bool, ...]:
        """Whether each leaf of a result depends on a tracked one, by the program that JAX traces."""
        key = function, tracked
        if key not in self.known:
            self.known[key] = dependent(function, tracked, arguments)
        return self.known[key]

    def forward(self, function: Callable, calls: list[tuple]) -> list[tuple]:
        """Results and their changes, compiled, chunk by chunk on all processors."""
        return self.in_threads(compiled_forward(function, self.platform), calls)

    def backward(self, function: Callable, tracked: tuple[bool, ...], calls: list[tuple]) -> list[tuple]:
        """Derivatives by arguments, compiled, chunk by chunk on all processors; all is computed again."""
        return self.in_threads(compiled_backward(function, tracked, self.platform), calls)

    def in_threads(self, program: Program, calls: list[tuple]) -> list:
        """The results of a compiled function for several arguments."""
        results = run_in_threads(program, (), calls, self.backend.callers(), settle_thread)
        program.drop_old()
        return results

    def summed(self, trees: list[Any]) -> Any:
        """The sum of equal trees, compiled."""
        return trees[0] if len(trees) == 1 else compiled_sum()(trees)

    def rows(self, x: Array, sizes: tuple[int, ...]) -> Sequence[Array]:
        """Consecutive rows of x, compiled."""
        return compiled_rows(sizes)(x)

    def plain(self, function: Callable, *arguments: Any) -> Any:
        """The value of a function."""
        return function(*arguments)

    def compiled(self, function: Callable, *arguments: Any) -> Any:
        """The value of a function, compiled."""
        return compiled_value(function)(*arguments)

    def optimizer(self, settings: OptimizerSettings, parameters: Arrays) -> OptaxOptimizer:
        """Adam or AdamW of optax."""
        return OptaxOptimizer(settings, parameters, self.backend)


@cache
def compiled_forward(function: Callable, platform: str) -> Program:
    """A function of (arguments, changes) that gives results and their changes."""

    def forward(arguments: tuple, changes: Sequence[Array | None]) -> tuple[Any, tuple]:
        out, change = pushed(function, arguments, changes)
        return out, tuple(d if is_real(x) else None for x, d in zip(flattened(out), flattened(change), strict=True))

    return Program(forward, compiler_options=stage_options(function, platform))


@cache
def compiled_backward(function: Callable, tracked: tuple[bool, ...], platform: str) -> Program:
    """A function of (arguments, changes, by_values, by_changes): derivatives by arguments and by changes."""

    def backward(arguments: tuple, changes: Sequence, by_values: Sequence, by_changes: Sequence) -> tuple:
        import jax

        leaves = flattened(arguments)
        wanted = [k for k, yes in enumerate(tracked) if yes]
        moving = [k for k in wanted if changes[k] is not None]

        def pair(x: list, dx: list) -> tuple[list, list]:
            at, along = dict(zip(wanted, x, strict=True)), dict(zip(moving, dx, strict=True))
            tree = refilled(arguments, [at.get(k, leaf) for k, leaf in enumerate(leaves)])
            out, change = pushed(function, tree, [along.get(k, c) for k, c in enumerate(changes)])
            return known(flattened(out), by_values), known(flattened(change), by_changes)

        _, pull = jax.vjp(pair, [leaves[k] for k in wanted], [changes[k] for k in moving])
        by_x, by_dx = pull((known(by_values, by_values), known(by_changes, by_changes)))
        at, along = dict(zip(wanted, by_x, strict=True)), dict(zip(moving, by_dx, strict=True))
        return tuple(at.get(k) for k in range(len(leaves))), tuple(along.get(k) for k in range(len(leaves)))

    return Program(backward, compiler_options=stage_options(function, platform))


def stage_options(function: Callable, platform: str) -> Any:
    """The compiler's options for the derivatives of a function of chunks."""
    return compiler_options(function.__name__ in NETS) if platform == "cpu" else None


def pushed(function: Callable, arguments: tuple, changes: Sequence[Array | None]) -> tuple[Any, Any]:
    """The result of a function, and its change, where some leaves of its arguments change."""
    import jax

    leaves = flattened(arguments)
    moving = [k for k, c in enumerate(changes) if c is not None]

    def moved(x: list) -> Any:
        at = dict(zip(moving, x, strict=True))
        return function(*refilled(arguments, [at.get(k, leaf) for k, leaf in enumerate(leaves)]))

    return jax.jvp(moved, ([leaves[k] for k in moving],), ([changes[k] for k in moving],))


def dependent(function: Callable, tracked: tuple[bool, ...], arguments: tuple) -> tuple[bool, ...]:
    """Whether each leaf of a result depends on a tracked leaf of the arguments, operation by operation."""
    import jax

    def flat(leaves: list) -> list:
        return flattened(function(*refilled(arguments, leaves)))

    program: Any = jax.make_jaxpr(exactly(flat))(flattened(arguments)).jaxpr
    marked = {id(x) for x, yes in zip(program.invars, tracked, strict=True) if yes}
    for operation in program.eqns:
        if any(id(x) in marked for x in operation.invars):
            marked |= {id(x) for x in operation.outvars}
    return tuple(id(x) in marked for x in program.outvars)


def known(leaves: Sequence, derivatives: Sequence) -> list:
    """The leaves for which there is a derivative."""
    return [leaf for leaf, derivative in zip(leaves, derivatives, strict=True) if derivative is not None]


@cache
def compiled_sum() -> Program:
    """A function of equal trees that gives their sum."""
    import jax

    return Program(lambda trees: jax.tree.map(lambda *x: sum(x[1:], x[0]), *trees))


@cache
def compiled_rows(sizes: tuple[int, ...]) -> Program:
    """A function of an array that gives consecutive rows of it."""
    return Program(lambda x: cut(x, sizes))


@lru_cache(MOST_FUNCTIONS)
def compiled_value(function: Callable) -> Any:
    """A function, compiled."""
    import jax

    return jax.jit(exactly_called(function))


@lru_cache(MOST_FUNCTIONS)
def compiled_gradient(function: Callable) -> Any:
    """The value and the gradient of a function by its first argument, compiled."""
    import jax

    return jax.jit(exactly_called(jax.value_and_grad(function, has_aux=True)))


def exactly_called(function: Callable) -> Callable:
    """The function under the settings of evaluations."""
    return exactly(lambda *arguments: function(*arguments))
