"""Chunks of atoms on all processors, for libraries that release the lock of the interpreter while they compute.

Each thread works on chunks of its own, and matrix products are kept to one thread: chunks are too small to share.
Memory that a chunk frees stays with the process for the next ones, since getting it from the system again takes longer
than the arithmetic on it: without that, two threads are hardly faster than one.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

from ..errors import InputError
from .process_setting import ProcessSetting

THREADS = "DPA2_THREADS"  # the variable with the number of threads to use
KEPT_BYTES = 1 << 28  # freed memory that the C library keeps for the process: 256 MB
LARGEST_KEPT = 1 << 25  # the C library keeps the memory of arrays up to this number of bytes: 32 MB
TRIM_THRESHOLD, MMAP_THRESHOLD, ARENAS = -1, -3, -8  # numbers of these settings in malloc.h of the GNU C library

Result = TypeVar("Result")


def available() -> int:
    """The number of threads to use: DPA2_THREADS, or the number of processors."""
    given = os.environ.get(THREADS)
    if given is None:
        return processors()
    if not (given.strip().isdecimal() and int(given) > 0):
        what = f"{THREADS} = {given!r}: must be a whole number of threads, 1 or more; unset, it is {processors()}"
        raise InputError(what, argument=THREADS)
    return int(given)


def processors() -> int:
    """The number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def keep_freed_memory() -> bool:
    """Make the C library keep freed memory, in one pool for all threads; False where it has no such settings."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(MMAP_THRESHOLD, LARGEST_KEPT) and mallopt(TRIM_THRESHOLD, KEPT_BYTES) and mallopt(ARENAS, 1))


@cache
def pool(threads: int, process: int, begin: Callable[[], None] | None, number: int = 0) -> ThreadPoolExecutor:
    """A pool of so many threads, which belong to a process: a forked child has none of its parent's.

    begin: is called first in every thread, for settings that belong to a thread. number: of the pool among equal ones.
    """
    return ThreadPoolExecutor(threads, thread_name_prefix="dpa2", initializer=begin)


@cache
def libraries(kind: str) -> Any:
    """The control over the number of threads of the libraries of a kind, "blas" or "openmp", and of no others.

    A limit of one kind, made while another thread limits the other kind, would restore that too.
    """
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api=kind)


def limited_to_one() -> Callable[[], object]:
    """Keep matrix products to one thread, and return the function that ends that."""
    limiter = libraries("blas").limit(limits=1)
    return limiter.restore_original_limits  # type: ignore[no-any-return]


ONE_THREAD = ProcessSetting(limited_to_one)  # the library of matrix products has one limit for all threads


def run_in_threads(
    function: Callable[..., Result],
    shared: tuple,
    items: list,
    threads: int,
    begin: Callable[[], None] | None = None,
) -> list[Result]:
    """Return `function(*shared, *item)` for every item; `begin` is called first in every thread but the caller's."""
    if threads == 1 or len(items) == 1:
        return [function(*shared, *item) for item in items]
    return list(pool(threads, os.getpid(), begin).map(lambda item: function(*shared, *item), items))


def run_on_cache(function: Callable[..., Result], shared: tuple, items: list, threads: int) -> list[Result]:
    """Return the same for functions on NumPy: matrix products use one thread, and freed memory is kept."""
    keep_freed_memory()
    with libraries("openmp").limit(limits=1), ONE_THREAD:  # each thread has its own limit of OpenMP
        return run_in_threads(function, shared, items, threads)


def run_pinned(
    function: Callable[..., Result], items: list[tuple], threads: int, begin: Callable[[], None]
) -> list[Result]:
    """Return `function(*item)` for every item; those of one place in the list always run in the same thread.

    begin: is called first in every thread. Freed memory is kept.
    """
    keep_freed_memory()
    if threads == 1 or len(items) == 1:
        return [function(*item) for item in items]
    pools = [pool(1, os.getpid(), begin, number) for number in range(threads)]
    with ONE_THREAD:
        running = [pools[place % threads].submit(function, *item) for place, item in enumerate(items)]
        return [each.result() for each in running]
