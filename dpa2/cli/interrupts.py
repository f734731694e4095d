"""Ctrl-C ends the command line with one exit code and without a traceback, whatever the libraries make of it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

from ..exit_codes import INTERRUPTED
from ..signals import handled


def run_until_interrupted(action: Callable[[], int]) -> int:
    """The exit code of an action; that of an interruption even if a library turned Ctrl-C into another error."""
    seen: list[int] = []

    def interrupt(number, frame) -> None:
        seen.append(number)
        raise KeyboardInterrupt

    try:
        with handled({signal.SIGINT: interrupt}):
            return action()
    except BaseException as error:
        if not (seen or isinstance(error, KeyboardInterrupt)):
            raise
    print("interrupted", file=sys.stderr)
    return INTERRUPTED
