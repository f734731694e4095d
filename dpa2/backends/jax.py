"""JAX: every chunk function is compiled, once for each shape of arrays; chunks are padded so that shapes are few."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np

from ..batching.plan import ChunkShape
from ..batching.widths import LengthCache, WidthCache
from ..errors import BackendError
from ..nn.arrays import Array, cut, end_to_end
from .compiling import compiled, exactly, keep_compiled, laid, one_program
from .eager import Eager, Join, Result, Shaped, Tree, converted
from .own_settings import jax_settings, settle_thread
from .protocol import Backend, implements_backend
from .pytrees import register_modules
from .threads import available, processors, run_in_threads

THREADS_PER_PROCESSOR = 3  # JAX runs the calls of one thread in order, with gaps; three take 8 % less time than one


@implements_backend
class JAX(Shaped):
    """Arrays are JAX arrays on `device`."""

    name = "jax"

    def __init__(self, device: str | None = None) -> None:
        import jax

        self.jax: Any = jax
        register_modules()
        keep_compiled()
        self.place, self.bound = self.found(device), device is not None  # bound: to a device that was asked for
        self.device = f"{self.place.platform}:{jax.local_devices(backend=self.place.platform).index(self.place)}"
        self.shape = ChunkShape(size=24, step=2, uniform=("repinit",), filled=True, width_cache=WidthCache())
        self.lengths = LengthCache()
        self.threads = available()
        if self.place.platform != "cpu":
            self.shape, self.threads = replace(self.shape, size=4096, step=4, min_size=32), 1

    def found(self, device: Any) -> Any:
        """JAX's object for a device: its own, or the one called "platform:number", among those of this process."""
        if isinstance(device, self.jax.Device):
            return device
        kind, _, number = (device or self.jax.default_backend()).partition(":")
        try:
            return self.jax.local_devices(backend=kind)[int(number or 0)]
        except (RuntimeError, IndexError, ValueError) as error:
            raise BackendError(f"JAX has no device {device!r}: {error}", backend="jax", hint="cpu") from error

    def asarray(self, x: Array, dtype: str | None = None) -> Array:
        """A NumPy array as a JAX array."""
        return self.jax.device_put(self.typed(x, dtype), self.place)

    def typed(self, x: Array, dtype: str | None) -> Array:
        """The array in a precision that JAX has; integers no longer than JAX's."""
        if dtype == "float64" and not self.jax.config.jax_enable_x64:
            raise BackendError(
                "JAX computes in float32 unless told otherwise, and this model wants float64. "
                "Call jax.config.update('jax_enable_x64', True) before loading (or set JAX_ENABLE_X64=1), "
                "or load with `dtype='float32'`.",
                backend="jax",
                hint="jax.config.update('jax_enable_x64', True)",
            )
        x = x if isinstance(x, self.jax.Array) else np.asarray(x)
        if dtype is None and x.dtype == np.int64 and not self.jax.config.jax_enable_x64:
            dtype = "int32"
        return x if dtype is None or str(x.dtype) == dtype else x.astype(dtype)

    def arrays(self, tree: Tree, dtype: str) -> Tree:
        """A tree of NumPy arrays as JAX arrays, real numbers in the precision `dtype`; one transfer for all."""
        return self.jax.device_put(converted(tree, dtype, self.typed), self.place)

    def to_numpy(self, x: Array) -> np.ndarray:
        """A JAX array as a NumPy array."""
        return np.asarray(x.astype("float32") if x.dtype == "bfloat16" else x)

    def own_settings(self) -> AbstractContextManager[Any]:
        """A context with the settings of JAX that evaluations want."""
        return jax_settings()

    def wide(self) -> str:
        """The precision of coordinates, energies and sums: float64 where JAX has it."""
        return "float64" if self.jax.config.jax_enable_x64 else "float32"

    def run(self, function: Callable[..., Result], shared: tuple, *lists: Sequence) -> list[Result]:
        """`function(*shared, *items)` for the items of every chunk; in one thread where JAX transforms them.

        JAX keeps its transformations of a function in the thread that began them.
        """
        items = list(zip(*lists, strict=True))
        traced = self.transformed((shared, lists))
        program = compiled(function) if traced else compiled(function, self.place.platform)
        results = run_in_threads(program, shared, items, 1 if traced else self.callers(), settle_thread)
        program.drop_old()
        return results

    def whole(self, function: Callable[..., Result], arguments: tuple) -> Result:
        """`function(self, *arguments)`, on accelerators as one program; processors share chunks among threads."""
        if self.transformed(arguments):
            return function(self.looping(), *arguments)
        if self.place.platform == "cpu":
            return function(self, *arguments)
        return one_program(function, self)(*arguments)  # type: ignore[no-any-return]

    def callers(self) -> int:
        """The number of threads that call JAX: several per processor, unless they would occupy more processors."""
        return self.threads if self.threads < max(2, processors()) else THREADS_PER_PROCESSOR * self.threads

    def joiner(self) -> Join:
        """A function that lays arrays end to end in the memory of its previous result, and fills up with zeros."""
        spent, filled = None, -1

        def join(parts: Sequence[Array]) -> Array:
            nonlocal spent, filled
            rows = sum(map(len, parts))
            if self.transformed(parts):
                return end_to_end([*parts, self.zeros(self.room(rows) - rows, parts[0])])
            whole = spent if rows == filled else self.zeros(self.room(rows), parts[0])
            spent, filled = self.laid_end_to_end(whole, parts), rows
            return spent

        return join

    def zeros(self, rows: int, like: Array) -> Array:
        """Rows of zeros in the shape and the precision of other rows."""
        return self.jax.numpy.zeros((rows, *like.shape[1:]), like.dtype, device=self.place)

    def laid_end_to_end(self, whole: Array, parts: Sequence[Array]) -> Array:
        """An array, which is given up, with parts written over its first rows."""
        start = 0
        for part in parts:
            whole, start = laid()(whole, part, np.int32(start)), start + len(part)
        laid().drop_old()
        return whole

    def room(self, rows: int) -> int:
        """A length that serves many numbers of rows."""
        return self.lengths.length_for(rows)

    def agree(self, needed: Sequence[int], largest: Sequence[int]) -> None:
        """Make arrays that need so many rows as long as those of other processes, which need the largest."""
        self.lengths.agree(needed, largest)

    def pieces(self, x: Array, sizes: Sequence[int]) -> list[Array]:
        """Consecutive rows of x, cut on the host where nothing is differentiated: JAX compiles for each size."""
        return cut(x, sizes) if self.transformed(x) else self.jax.device_put(cut(np.asarray(x), sizes), self.place)

    def fold(self, weights: Any) -> Any:
        """The program of a model's weights, differentiable in them."""
        return exactly(type(weights).fold)(weights)

    def transformed(self, arguments: Any) -> bool:
        """Return whether JAX is differentiating, vectorising or compiling the code that called, by its arguments."""
        return any(isinstance(x, self.jax.core.Tracer) for x in self.jax.tree.leaves(arguments))

    def inference(self, dtypes: set[str]) -> Backend:
        """Return this back end, which serves inference as it is."""
        return self

    def looping(self) -> Backend:
        """This back end for code that JAX compiles as a whole: loops over chunks are loops of the program."""
        other = object.__new__(LoopingJAX)
        vars(other).update(vars(self))
        return other

    def uncompiled(self) -> Backend:
        """JAX on the same device, operation by operation."""
        return self.as_class(UncompiledJAX)

    def symmetric_derivatives(self, function: Callable, x: Array, directions: Sequence[Array]) -> list[Array]:
        """Derivatives of function(x) along each direction: one value, and a pullback for each."""
        _, pull = self.jax.vjp(function, x)
        return [pull(direction)[0] for direction in directions]

    @staticmethod
    def sum_into_rows(values: Array, rows: Array, count: int) -> Array:
        """Row k is the sum of the `values` whose `rows` are k."""
        import jax

        return jax.ops.segment_sum(values, rows, num_segments=count)


class LoopingJAX(JAX):
    """JAX for programs that are compiled as a whole, in which chunks of equal shapes share their code."""

    def run(self, function: Callable[..., Result], shared: tuple, *lists: Sequence) -> list[Result]:
        """`function(*shared, *items)` for the items of every chunk: one loop for each shape of neighbouring chunks."""
        results: list[Result] = []
        for _, alike in groupby(zip(*lists, strict=True), self.shapes):
            results += self.looped(lambda items: function(*shared, *items), list(alike))
        return results

    def shapes(self, items: tuple) -> tuple:
        """Structure and shapes of a chunk's arrays."""
        return self.jax.tree.structure(items), [(x.shape, x.dtype) for x in self.jax.tree.leaves(items)]

    def looped(self, function: Callable[[tuple], Result], items: list[tuple]) -> list[Result]:
        """The function of all items, by a loop of the program where there are several."""
        if len(items) == 1:
            return [function(items[0])]
        tree = self.jax.tree
        found = self.jax.lax.map(function, tree.map(lambda *parts: self.jax.numpy.stack(parts), *items))
        return [tree.map(lambda x, k=k: x[k], found) for k in range(len(items))]


class UncompiledJAX(Eager, JAX):
    """JAX, operation by operation."""

    threads: int

    def run(self, function: Callable[..., Result], shared: tuple, *lists: Sequence) -> list[Result]:
        """`function(*shared, *items)` for the items of every chunk, with exact products."""
        return super().run(exactly(function), shared, *lists)
