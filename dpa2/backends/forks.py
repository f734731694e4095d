"""Forked processes, which lack the threads of their parents, for which JAX and PyTorch would wait for ever."""

from __future__ import annotations

import os
import sys

from ..errors import BackendError

LOST: set[str] = set()  # libraries that the parent of this process used, and that this process cannot


def note_lost_libraries() -> None:
    """Remember, in a new child, whether its parent had started JAX."""
    bridge = sys.modules.get("jax._src.xla_bridge")
    if bridge is not None and getattr(bridge, "_backends", True):
        LOST.add("jax")


def refuse_lost(library: str) -> None:
    """Raise a `BackendError` for a library that the parent of this process had started before the fork."""
    if library in LOST:
        raise BackendError(
            "JAX cannot be used in a process that was forked from one that used JAX: its threads are not there, and it "
            "would wait for ever. Start processes with multiprocessing.get_context('spawn') (or 'forkserver'), or fork "
            "before JAX is used",
            backend="jax",
            hint="multiprocessing.get_context('spawn')",
        )


def keep_pytorch_to_one_thread() -> None:
    """Let PyTorch's operations in a new child use one thread, as those of its data loaders do."""
    set_threads = getattr(sys.modules.get("torch"), "set_num_threads", None)
    if set_threads is not None:
        set_threads(1)


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=note_lost_libraries)
    os.register_at_fork(after_in_child=keep_pytorch_to_one_thread)
