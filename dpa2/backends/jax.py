"""JAX: every block function is compiled, once for each shape that blocks are rounded up to."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import lru_cache, wraps
from pathlib import Path

import numpy as np

from ..arrays import end_to_end
from ..errors import BackendError, require
from ..module import MODULES, map_leaves
from ..plan import Shape
from ..widths import Lasting, Lengths
from .eager import Eager, reusing
from .threads import available, processors, run_in_threads

THREADS_PER_PROCESSOR = 3  # what a thread hands over to JAX runs in order, and leaves gaps
NETS_AT_NEIGHBORS = ("begin", "return_to_vectors")  # block functions in which nets are evaluated at every neighbour


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
        typed = map_leaves(lambda _, x: self.typed(x, dtype if x.dtype.kind == "f" else None), tree)
        return self.jax.device_put(typed, self.device)

    def to_numpy(self, x) -> np.ndarray:
        return np.asarray(x.astype("float32") if x.dtype == "bfloat16" else x)

    def wide(self) -> str:
        """The precision of coordinates, energies and sums: float64 where JAX has it."""
        return "float64" if self.jax.config.jax_enable_x64 else "float32"

    def run(self, function, shared, *lists) -> list:
        """`function(*shared, *items)` for the items of every block; threads would lose sight of a transformation."""
        items = list(zip(*lists, strict=True))
        if self.transformed((shared, lists)):
            return run_in_threads(compiled(function), shared, items, 1)
        return run_in_threads(compiled(function, self.device.platform), shared, items, self.hands())

    def hands(self) -> int:
        """How many threads hand blocks over: several for each processor, unless that would occupy more of them."""
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

    def transformed(self, arguments) -> bool:
        """Whether JAX is differentiating, vectorising or compiling what the arguments go into."""
        return any(isinstance(x, self.jax.core.Tracer) for x in self.jax.tree.leaves(arguments))

    def inference(self, dtypes: set[str]):
        """JAX itself."""
        return self

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


def exactly(function):
    """The function with products of float32 as exact as elsewhere: GPUs would round their factors to 10 bits."""
    import jax

    @wraps(function)
    def exact(*arguments):
        with jax.default_matmul_precision("highest"):
            return function(*arguments)

    return exact


def vector(parts):
    """Arrays as one vector."""
    import jax

    return jax.numpy.concatenate([part.reshape(-1) for part in parts])


@lru_cache
def compiled(function, platform: str = ""):
    """The function, compiled; inside of transformations, which allow no options, without naming the platform."""
    import jax

    options = compiler_options(function.__name__ in NETS_AT_NEIGHBORS) if platform == "cpu" else None
    return jax.jit(exactly(function), compiler_options=options)


@lru_cache
def refilled(rows: int):
    """Parts end to end and zeros up to so many rows, in the place of an array that is given up."""
    import jax

    def refill(spent, parts):
        spare = rows - sum(map(len, parts))
        return end_to_end([*parts, jax.numpy.zeros((spare, *parts[0].shape[1:]), parts[0].dtype)])

    return jax.jit(refill, donate_argnums=0, keep_unused=True)


@lru_cache
def keep_compiled():
    """Keep compiled functions on disk between runs, unless the user has said where, or DPA2_CACHE=off."""
    import jax

    folder = os.environ.get("DPA2_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "dpa2").expanduser()
    if str(folder) == "off" or jax.config.jax_compilation_cache_dir is not None:
        return
    jax.config.update("jax_compilation_cache_dir", str(Path(folder, "jax")))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


@lru_cache
def compiler_options(nets: bool) -> dict:
    """Settings that suit small blocks, as far as this release of JAX has them.

    Few optimisations, and parts as many as can be compiled at once, halve the time to compile and cost nothing here;
    blocks have threads of their own. The newer way to emit loops makes tanh several times as fast, and takes half as
    long again to compile.
    """
    options = {
        "xla_backend_optimization_level": 1,
        "xla_cpu_parallel_codegen_split_count": 2 * processors(),
        "xla_cpu_multi_thread_eigen": False,
        "xla_cpu_prefer_vector_width": 512,
        "xla_cpu_use_fusion_emitters": nets,
    }
    return options if known(options) else {name: value for name, value in options.items() if known({name: value})}


def known(options: dict) -> bool:
    """Whether this release of JAX compiles with such settings."""
    import jax

    try:
        jax.jit(lambda x: x, compiler_options=options).lower(0.0).compile()
    except Exception:  # whatever it says of settings that it does not know
        return False
    return True


@lru_cache
def register_modules():
    """Make every module a pytree: weights are leaves, settings are part of the structure."""
    import dataclasses

    from jax.tree_util import register_dataclass

    from .. import energy, expansion, forces  # noqa: F401  all modules that there are

    for cls in MODULES:
        static = [f.name for f in dataclasses.fields(cls) if f.metadata.get("static")]
        dynamic = [f.name for f in dataclasses.fields(cls) if not f.metadata.get("static")]
        register_dataclass(cls, data_fields=dynamic, meta_fields=static)
