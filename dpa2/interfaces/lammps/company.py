"""Work of all MPI ranks together: errors that all of them hear of, and shares of the processors."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, TypeVar

from ...backends.threads import THREADS, processors
from ...errors import DPA2Error

Result = TypeVar("Result")


def agreed(comm: Any, action: Callable[[], Result]) -> Result:
    """Return what an action returns on this rank; if it fails on any rank, raise the first one's error on all."""
    result, error = None, None
    try:
        result = action()
    except (DPA2Error, OSError) as failure:
        error = failure
    errors = [each for each in comm.allgather(error) if each is not None]
    if errors:
        raise errors[0] if error is None else error
    return result  # type: ignore[return-value]


def all_there(comm: Any, seconds: float = 3.0) -> bool:
    """Whether all ranks call this within some seconds."""
    here, end = comm.Ibarrier(), time.monotonic() + seconds
    while not here.Test():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def share_processors(comm: Any) -> None:
    """Let each rank use its share of the processors that it may run on, unless the user has said how many."""
    from mpi4py import MPI

    beside = comm.Split_type(MPI.COMM_TYPE_SHARED)
    mine = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    sharing = beside.allgather(mine).count(mine)
    beside.Free()
    os.environ.setdefault(THREADS, str(max(1, processors() // sharing)))
