"""Ctrl-C and SIGTERM ask a training to stop after the present step, with a checkpoint."""

from __future__ import annotations

import signal
from types import FrameType

from ...signals import handled


class Interruption:
    """A context in which the two signals are noted; a second Ctrl-C stops at once.

    signal: the number of the signal that came, or None. Threads other than the main one see no signals.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self.noting = handled({signal.SIGINT: self.note, signal.SIGTERM: self.note})

    def __enter__(self) -> Interruption:
        self.noting.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.noting.__exit__(None, None, None)

    def note(self, number: int, frame: FrameType | None) -> None:
        """Note a signal."""
        if self.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = number
