"""JAX: every chunk function is compiled, once for each shape that chunks are rounded up to."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from functools import lru_cache

import numpy as np

from ..batching.plan import Shape
from ..batching.widths import Lasting, Lengths
from ..errors import BackendError, require
from ..nn.arrays import end_to_end
from ..nn.module import array_fields, for_each_module, map_roles
from .compiling import compiled, exactly, keep_compiled, refilled
from .eager import Eager, converted, reusing
from .threads import available, processors, run_in_threads

THREADS_PER_PROCESSOR = 3  # what a thread hands over to JAX runs in order, and leaves gaps


class JAX:
    """Arrays are JAX arrays on `device`."""

    name = "jax"

    def __init__(self, device: str | None = None):
        self.jax = require("jax", "jax")
        register_modules()
        keep_compiled()
        if isinstance(device, self.jax.Device):
            device = f"{device.platform}:{device.id}"
        kind, _, number = (device or self.jax.default_backend()).partition(":")
        try:
            self.device = self.jax.devices(kind)[int(number or 0)]
        except (RuntimeError, IndexError, ValueError) as error:
            raise BackendError(f"JAX has no device {device!r}: {error}", backend="jax", hint="cpu") from error
        self.shape = Shape(size=24, step=2, uniform=("repinit",), filled=True, lasting=Lasting())
        self.lengths = Lengths()
        self.threads = available()
        if self.device.platform != "cpu":
            self.shape, self.threads = replace(self.shape, size=4096, step=4, least=32), 1

    def asarray(self, x, dtype: str | None = None):
        """A NumPy array as a JAX array."""
        return self.jax.device_put(self.typed(x, dtype), self.device)

    def typed(self, x, dtype: str | None):
        """The array in a precision that JAX has; integers no longer than JAX's."""
        if dtype == "float64" and not self.jax.config.jax_enable_x64:
            raise BackendError(
                "JAX computes in float32 unless told otherwise, and this model wants float64. "
                "Call jax.config.update('jax_enable_x64', True) before loading (or set JAX_ENABLE_X64=1), "
                "or load with dtype='float32'.",
                backend="jax",
                hint="jax.config.update('jax_enable_x64', True)",
            )
        x = x if isinstance(x, self.jax.Array) else np.asarray(x)
        if dtype is None and x.dtype == np.int64 and not self.jax.config.jax_enable_x64:
            dtype = "int32"
        return x if dtype is None or str(x.dtype) == dtype else x.astype(dtype)

    def arrays(self, tree, dtype: str):
        """The NumPy arrays of a tree as JAX arrays, real numbers in the given precision; handed over together."""
        return self.jax.device_put(converted(tree, dtype, self.typed), self.device)

    def to_numpy(self, x) -> np.ndarray:
        return np.asarray(x.astype("float32") if x.dtype == "bfloat16" else x)

    def wide(self) -> str:
        """The precision of coordinates, energies and sums: float64 where JAX has it."""
        return "float64" if self.jax.config.jax_enable_x64 else "float32"

    def run(self, function, shared, *lists) -> list:
        """`function(*shared, *items)` for the items of every chunk; threads would lose sight of a transformation."""
        items = list(zip(*lists, strict=True))
        if self.transformed((shared, lists)):
            return run_in_threads(compiled(function), shared, items, 1)
        return run_in_threads(compiled(function, self.device.platform), shared, items, self.hands())

    def hands(self) -> int:
        """How many threads hand chunks over: several for each processor, unless that would occupy more of them."""
        return self.threads if self.threads < max(2, processors()) else THREADS_PER_PROCESSOR * self.threads

    def joiner(self):
        """A function that lays arrays end to end, in the memory of what it gave before; with rows to spare behind."""

        def lay(spent, parts):
            if self.transformed((spent, parts)):
                return end_to_end(parts)
            return refilled(self.lengths.settle(sum(map(len, parts))))(spent, parts)

        return reusing(lay)

    def fold(self, weights):
        """A model ready to run, differentiable in its weights."""
        return exactly(type(weights).fold)(weights)

    def frozen(self, weights, trained: Callable):
        """Return weights of which only those with `trained(leaf)` have derivatives."""
        stop = self.jax.lax.stop_gradient
        return map_roles(lambda leaf, array: array if trained(leaf) else stop(array), weights)

    def transformed(self, arguments) -> bool:
        """Whether JAX is differentiating, vectorising or compiling what the arguments go into."""
        return any(isinstance(x, self.jax.core.Tracer) for x in self.jax.tree.leaves(arguments))

    def inference(self, dtypes: set[str]):
        """JAX itself."""
        return self

    def with_shape(self, shape):
        """Return the same back end with chunks of another shape."""
        other = copy(self)
        other.shape = shape
        return other

    def uncompiled(self):
        """A back end on which every intermediate can be looked at."""
        return UncompiledJAX(self.device)

    def derivatives(self, function, x: list, directions: list) -> list:
        """How function(x) changes along each direction: one linearisation, pulled back from each number of y."""
        numpy = self.jax.numpy
        y, pull = self.jax.vjp(function, x)
        rows = [vector(pull(unit.reshape(y.shape))[0]) for unit in numpy.eye(y.size, dtype=y.dtype)]
        jacobian = numpy.stack(rows)
        return [exactly(numpy.matmul)(jacobian, vector(d)).reshape(y.shape) for d in directions]

    @staticmethod
    def sum_into_rows(values, rows, count: int):
        """Row k is the sum of the `values` whose `rows` are k."""
        import jax

        return jax.ops.segment_sum(values, rows, num_segments=count)


class UncompiledJAX(Eager, JAX):
    """JAX, operation by operation."""

    def run(self, function, shared, *lists) -> list:
        return super().run(exactly(function), shared, *lists)


def vector(parts):
    """Arrays as one vector."""
    import jax

    return jax.numpy.concatenate([part.reshape(-1) for part in parts])


@lru_cache
def register_modules():
    """Make every module a pytree: weights are leaves, settings are part of the structure."""
    for_each_module(register_module)


def register_module(cls: type) -> None:
    """Make one module class a pytree."""
    from jax.tree_util import register_dataclass

    arrays = [f.name for f in array_fields(cls)]
    settings = [f.name for f in dataclasses.fields(cls) if f.name not in arrays]
    register_dataclass(cls, data_fields=arrays, meta_fields=settings)
