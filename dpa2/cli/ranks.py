"""A command on several MPI ranks: the first one prints, and all of them end together, whichever of them fails."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from typing import Any

from ..errors import DPA2Error
from ..interfaces.lammps.company import all_there
from .exit_codes import exit_code
from .interrupts import INTERRUPTED
from .running import told

DEFECT = 1  # the exit code of an error that is none of ours


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
        ours = isinstance(error, DPA2Error | OSError)
        code = exit_code(error) if ours else DEFECT
        together = all_there(watch)
        if comm.rank == 0 or not together:
            told(error, sys.argv[1:]) if ours else traceback.print_exc()
        if not together:
            sys.stderr.flush()
            comm.Abort(code)
        return code
