"""A command in one of several processes: one of them tells what happens, and none outlives the others."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from ...backends.ranks import Ranks, leads
from ...backends.threads import THREADS, processors
from ...errors import DPA2Error
from ...exit_codes import DEFECT, INTERRUPTED, exit_code
from ..running import told

BESIDE = "LOCAL_WORLD_SIZE"  # torchrun's variable with the number of processes on this machine


def share_processors() -> None:
    """Let each process of this machine have its share of the processors, unless the user has said how many."""
    beside = os.environ.get(BESIDE, "")
    if beside.isdecimal() and int(beside) > 1:
        os.environ.setdefault(THREADS, str(max(1, processors() // int(beside))))


def in_company(ranks: Ranks, action: Callable[[], int]) -> int:
    """Return the exit code of an action that several processes run together.

    An error that all of them raise is told by the first one, any other by the process that has it. After an error a
    process ends at once: at their ordinary end libraries wait for each other, and wait long for one that is gone.
    """
    try:
        code = action()
    except (DPA2Error, OSError) as error:
        leave(ranks, error)
    except KeyboardInterrupt:
        end(INTERRUPTED)
    except Exception:
        traceback.print_exc()
        end(DEFECT)
    ranks.close()
    return code


def leave(ranks: Ranks, error: Exception) -> NoReturn:
    """Tell an error and end this process; the first one ends last, since others may be connected through it."""
    shared = getattr(error, "shared", False)
    code = told(error, sys.argv[1:]) if leads(ranks) or not shared else exit_code(error)
    if shared:
        with suppress(DPA2Error):
            ranks.gathered(None)  # it is told
            if leads(ranks):
                ranks.gathered(None)  # fails when the others have ended
    end(code)


def end(code: int) -> NoReturn:
    """End this process without waiting for anything."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
