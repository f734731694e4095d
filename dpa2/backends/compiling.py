"""Compilation of chunk functions by JAX: its settings, and the folder that keeps compiled functions."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

import numpy as np

from ..nn.arrays import Array
from .kept import kept_folder
from .own_settings import jax_settings
from .threads import processors

NETS_AT_NEIGHBORS = ("begin", "return_to_vectors")  # chunk functions that evaluate embedding nets at every neighbour

MOST_PROGRAMS = 64  # shapes of one function; no known series of systems needs as many


class Program:
    """A function that JAX compiles for each shape of its arguments."""

    def __init__(self, function: Callable, **options: Any) -> None:
        import jax

        self.function: Any = jax.jit(exactly(function), **options)

    def __call__(self, *arguments: Any) -> Any:
        return self.function(*arguments)

    def __len__(self) -> int:
        """The number of shapes for which it is compiled."""
        return int(self.function._cache_size())

    def drop_old(self) -> None:
        """Release what was compiled once there are more than `MOST_PROGRAMS` shapes.

        Each takes megabytes and some ten of the 65,530 memory maps that Linux allows a process.
        """
        if len(self) > MOST_PROGRAMS:
            self.function.clear_cache()


@lru_cache
def compiled(function: Callable, platform: str = "") -> Program:
    """The function, compiled with the options for a platform; without one where JAX transforms the caller.

    JAX refuses options for functions that are called while it transforms others.
    """
    options = compiler_options(function.__name__ in NETS_AT_NEIGHBORS) if platform == "cpu" else None
    return Program(function, compiler_options=options)


@lru_cache
def one_program(function: Callable, backend: Any) -> Program:
    """The function of a back end and further arguments as one program of these."""

    def whole(*arguments: Any) -> Any:
        return function(backend, *arguments)

    return Program(whole)


def exactly(function: Callable) -> Callable:
    """The function under the settings of evaluations, which belong to a thread and to what is traced in it."""

    @wraps(function)
    def exact(*arguments):  # type: ignore[no-untyped-def]  # the signature is that of `function`
        with jax_settings():
            return function(*arguments)

    return exact


@lru_cache
def laid() -> Program:
    """A function that writes rows into an array from a given row on, in the memory of that array, which is given up.

    One program for each pair of shapes, however many parts an array has and in whatever order they come.
    """
    import jax

    def lay(whole: Array, part: Array, start: np.int32) -> Array:
        return jax.lax.dynamic_update_slice_in_dim(whole, part, start, axis=0)

    return Program(lay, donate_argnums=0)


@lru_cache
def keep_compiled() -> None:
    """Keep compiled functions on disk between runs, unless the user has told JAX where, or the folder is unusable."""
    import jax

    config: Any = jax.config
    folder = kept_folder() if config.jax_compilation_cache_dir is None else None
    if folder is not None:
        config.update("jax_compilation_cache_dir", str(folder))
        config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


@lru_cache
def compiler_options(nets: bool) -> dict[str, int | bool]:
    """Settings that suit small chunks, of those that this release of JAX knows.

    Few optimisations, and as many parts as can be compiled at the same time, halve the time to compile and do not slow
    the functions down. Operations get no threads, since chunks have their own. The newer way to emit loops makes tanh
    several times as fast, and compilation half as long again, so it is for functions with nets at every neighbour.
    """
    options: dict[str, int | bool] = {
        "xla_backend_optimization_level": 1,
        "xla_cpu_parallel_codegen_split_count": 2 * processors(),
        "xla_cpu_multi_thread_eigen": False,
        "xla_cpu_prefer_vector_width": 512,
        "xla_cpu_use_fusion_emitters": nets,
    }
    return options if known(options) else {name: value for name, value in options.items() if known({name: value})}


def known(options: dict[str, int | bool]) -> bool:
    """Return whether this release of JAX compiles with such settings."""
    import jax

    try:
        jax.jit(lambda x: x, compiler_options=options).lower(0.0).compile()
    except Exception:  # an unknown setting raises different errors in different releases
        return False
    return True
