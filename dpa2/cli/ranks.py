"""A command on several MPI ranks: the first one prints, and all of them end together, whichever of them fails."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from typing import Any

from ..errors import DPA2Error
from ..exit_codes import INTERRUPTED, exit_code
from ..interfaces.lammps.company import all_there
from .running import told


def on_ranks(comm: Any, action: Callable[[], int]) -> int:
    """Return the exit code of an action that all ranks run together.

    An error that all ranks have is told by the first one. A rank that is alone with its error tells it and ends the
    program on all ranks, since they would wait for it forever.
    """
    watch = comm.Dup()
    try:
        return action()
    except KeyboardInterrupt:
        if comm.size > 1:
            comm.Abort(INTERRUPTED)
        raise
    except Exception as error:
        together = all_there(watch)
        if comm.rank == 0 or not together:
            told_or_shown(error)
        if not together:
            sys.stderr.flush()
            comm.Abort(exit_code(error))
        return exit_code(error)


def told_or_shown(error: BaseException) -> None:
    """Tell an error of ours in one line; show where any other, a defect, came from."""
    if isinstance(error, DPA2Error | OSError):
        told(error, sys.argv[1:])
    else:
        traceback.print_exception(error)
