"""Ctrl-C ends the command line with one exit code and without a traceback, whatever the libraries make of it."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

INTERRUPTED = 130  # as shells have it: 128 plus the number of the signal


def run_until_interrupted(action: Callable[[], int]) -> int:
    """The exit code of an action; that of an interruption even if a library turned Ctrl-C into another error."""
    seen: list[int] = []

    def interrupt(number, frame) -> None:
        seen.append(number)
        raise KeyboardInterrupt

    try:
        with handled(interrupt):
            return action()
    except BaseException as error:
        if not (seen or isinstance(error, KeyboardInterrupt)):
            raise
    print("interrupted", file=sys.stderr)
    return INTERRUPTED


@contextmanager
def handled(interrupt: Callable) -> Iterator[None]:
    """A context in which Ctrl-C calls a function; threads other than the main one never see it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
