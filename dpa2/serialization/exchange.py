"""The system call of Linux by which two directories change places in one step."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from pathlib import Path

HERE = -100  # AT_FDCWD: paths count from the working directory
EXCHANGE = 2  # RENAME_EXCHANGE


@cache
def renameat2():
    """The function of the C library; None where there is none."""
    try:
        return ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return None


def exchange(one: Path, other: Path) -> bool:
    """Let two entries change places; False if this system, or this file system, does not do it."""
    call = renameat2()
    return call is not None and call(HERE, os.fsencode(one), HERE, os.fsencode(other), EXCHANGE) == 0
