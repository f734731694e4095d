"""The error that ends a run of LAMMPS, which goes on after an exception in a callback as if nothing had happened."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from ...errors import DPA2Error
from ...exit_codes import exit_code
from ...signals import handled

ON_ONE_RANK = "MPIAbortException"  # of LAMMPS: an error that the other ranks do not know of


class Failures:
    """Keeps the error of a callback until LAMMPS has returned; one that other ranks do not know of ends the program.

    error: that of all ranks, or None. tell: is called with the error of one rank, to tell it to the user.
    """

    def __init__(self, lmp: Any, comm: Any):
        self.lmp, self.comm = lmp, comm
        self.error: BaseException | None = None
        self.tell: Callable[[BaseException], object] = self.write
        self.interrupted = False  # by Ctrl-C, not told yet
        self.catching = False

    def guarded(self, work: Callable[[], None]) -> None:
        """Do the work of a callback, and let no exception leave it; the time limit of LAMMPS is what stops it."""
        if self.error is None and not self.interrupted:
            try:
                self.catching = True
                work()
            except BaseException as error:
                self.keep(error)
            finally:
                self.catching = False
        if self.interrupted:
            self.keep(KeyboardInterrupt())
        if self.error is not None:
            self.lmp.lib.lammps_force_timeout(self.lmp.lmp)

    def keep(self, error: BaseException) -> None:
        """Keep an error of the only rank for `raise_error`; on several ranks it ends the program."""
        self.interrupted = False
        if self.comm.size == 1:
            self.error = error
        else:
            self.end(error)

    def end(self, error: BaseException) -> None:
        """Tell what is wrong on this rank, and end the program on all."""
        if not isinstance(error, KeyboardInterrupt):
            self.tell(error)
        sys.stdout.flush()
        sys.stderr.flush()
        self.comm.Abort(exit_code(error))

    def write(self, error: BaseException) -> None:
        """Write an error of this rank to standard error: a line for one of ours, a traceback for any other."""
        text = f"dpa2: {error}\n" if isinstance(error, DPA2Error) else "".join(traceback.format_exception(error))
        sys.stderr.write(f"MPI rank {self.comm.rank}: {text}")

    @contextmanager
    def watched(self) -> Iterator[None]:
        """A context for a command of LAMMPS that takes steps: raises the error of the model, on all ranks.

        Ctrl-C is noted in it, since an exception is lost where LAMMPS' own interface handles a callback.
        """
        try:
            with handled({signal.SIGINT: self.note}):
                yield
        except Exception as error:
            if self.comm.size > 1 and type(error).__name__ == ON_ONE_RANK:
                self.end(error)
            self.raise_error()  # the cause of LAMMPS' error, if it is one of the model
            raise
        self.raise_error()

    def note(self, number: int, frame: FrameType | None) -> None:
        """Note Ctrl-C, and stop the work of a callback at once."""
        self.interrupted = True
        if self.catching:
            raise KeyboardInterrupt

    def raise_error(self) -> None:
        """Raise the error that stopped LAMMPS, once."""
        if self.interrupted:
            self.keep(KeyboardInterrupt())
        if self.error is not None:
            error, self.error = self.error, None
            self.lmp.command("timer timeout off")
            raise error
