"""Compilation of chunk functions by JAX: its settings, and the folder that keeps compiled functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from typing import Any

from ..nn.arrays import Array, end_to_end
from .kept import kept_folder
from .own_settings import jax_settings
from .threads import processors

NETS_AT_NEIGHBORS = ("begin", "return_to_vectors")  # chunk functions that evaluate embedding nets at every neighbour


@lru_cache
def compiled(function: Callable, platform: str = "") -> Callable:
    """The function, compiled with the options for a platform; without one where JAX transforms the caller.

    JAX refuses options for functions that are called while it transforms others.
    """
    import jax

    options = compiler_options(function.__name__ in NETS_AT_NEIGHBORS) if platform == "cpu" else None
    return exactly(jax.jit(exactly(function), compiler_options=options))


def exactly(function: Callable) -> Callable:
    """The function under the settings of evaluations, which belong to a thread and to what is traced in it."""

    @wraps(function)
    def exact(*arguments):  # type: ignore[no-untyped-def]  # the signature is that of `function`
        with jax_settings():
            return function(*arguments)

    return exact


@lru_cache
def refilled(rows: int) -> Callable[[Array | None, Sequence[Array]], Array]:
    """A function that lays parts end to end, with zeros up to `rows`, in the memory of an array that is given up."""
    import jax

    def refill(spent: Array | None, parts: Sequence[Array]) -> Array:
        spare = rows - sum(map(len, parts))
        return end_to_end([*parts, jax.numpy.zeros((spare, *parts[0].shape[1:]), parts[0].dtype)])

    return jax.jit(refill, donate_argnums=0, keep_unused=True)


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
