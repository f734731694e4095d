"""Forked processes: they lack the threads of their parents, for which JAX and PyTorch would wait, and their CUDA."""

from __future__ import annotations

import os
import sys

from ..errors import BackendError

LOST: set[str] = set()  # libraries that the parent of this process used, and that this process cannot
USED: set[str] = set()  # libraries on GPUs that this process has used
WHY = {
    "jax": "JAX cannot be used in a process that was forked from one that used JAX: its threads are not there, and it "
    "would wait for ever",
    "cupy": "CuPy cannot be used in a process that was forked from one that used CuPy: CUDA does not work there",
}


def note_lost_libraries() -> None:
    """Remember, in a new child, whether its parent had started JAX or used CuPy."""
    bridge = sys.modules.get("jax._src.xla_bridge")
    if bridge is not None and getattr(bridge, "_backends", True):
        LOST.add("jax")
    LOST.update(USED)


def refuse_lost(library: str) -> None:
    """Raise a `BackendError` for a library that the parent of this process had started before the fork."""
    if library in LOST:
        hint = "multiprocessing.get_context('spawn')"
        way = f"Start processes with {hint} (or 'forkserver'), or fork before it is used"
        raise BackendError(f"{WHY[library]}. {way}", backend=library, hint=hint)


def keep_pytorch_to_one_thread() -> None:
    """Let PyTorch's operations in a new child use one thread, as those of its data loaders do."""
    set_threads = getattr(sys.modules.get("torch"), "set_num_threads", None)
    if set_threads is not None:
        set_threads(1)


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=note_lost_libraries)
    os.register_at_fork(after_in_child=keep_pytorch_to_one_thread)
