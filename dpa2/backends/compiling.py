"""How JAX compiles functions of chunks, and where it keeps them."""

from __future__ import annotations

import os
from functools import lru_cache, wraps
from pathlib import Path

from ..nn.arrays import end_to_end
from .threads import processors

NETS_AT_NEIGHBORS = ("begin", "return_to_vectors")  # chunk functions in which nets are evaluated at every neighbour


@lru_cache
def compiled(function, platform: str = ""):
    """The function, compiled; inside of transformations, which allow no options, without naming the platform."""
    import jax

    options = compiler_options(function.__name__ in NETS_AT_NEIGHBORS) if platform == "cpu" else None
    return jax.jit(exactly(function), compiler_options=options)


def exactly(function):
    """The function with products of float32 as exact as elsewhere: GPUs would round their factors to 10 bits."""
    import jax

    @wraps(function)
    def exact(*arguments):
        with jax.default_matmul_precision("highest"):
            return function(*arguments)

    return exact


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
    """Settings that suit small chunks, as far as this release of JAX has them.

    Few optimisations, and as many parts as can be compiled at once, halve the time to compile and cost nothing here;
    chunks have threads of their own. The newer way to emit loops makes tanh several times as fast, and takes half as
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
