"""Chunks of atoms on all processors, for libraries whose functions let other threads run.

Each thread works on chunks of its own, and the linear algebra inside is kept to one thread: chunks are too small to
share. What chunks free is kept for the next ones, since fresh pages from the system cost more than the arithmetic on
them: without that, two threads are hardly faster than one.
"""

from __future__ import annotations

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache

KEEP = 1 << 28  # bytes of freed memory that stay with the process
LARGEST = 1 << 25  # arrays up to this size, in bytes, are made from it
TRIM_THRESHOLD, MMAP_THRESHOLD, ARENAS = -1, -3, -8  # names that the GNU C library gives these settings


def available() -> int:
    """How many threads to use: DPA2_THREADS, or as many as there are processors for this process."""
    wish = os.environ.get("DPA2_THREADS")
    return processors() if wish is None else max(1, int(wish))


def processors() -> int:
    """How many processors there are for this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def keep_freed_memory() -> bool:
    """Tell the C library to keep what chunks free, once for all threads; False where it has no such settings."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(MMAP_THRESHOLD, LARGEST) and mallopt(TRIM_THRESHOLD, KEEP) and mallopt(ARENAS, 1))


@cache
def pool(threads: int) -> ThreadPoolExecutor:
    """Threads that wait for work."""
    return ThreadPoolExecutor(threads, thread_name_prefix="dpa2")


@cache
def linear_algebra():
    """The libraries behind matrix products, and their number of threads."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def run_in_threads(function, shared, items: list, threads: int) -> list:
    """`function(*shared, *item)` for every item."""
    if threads == 1 or len(items) == 1:
        return [function(*shared, *item) for item in items]
    return list(pool(threads).map(lambda item: function(*shared, *item), items))


def run_on_cache(function, shared, items: list, threads: int) -> list:
    """The same for functions of NumPy: products of matrices in one thread each, and freed memory kept."""
    keep_freed_memory()
    with linear_algebra().limit(limits=1):
        return run_in_threads(function, shared, items, threads)
