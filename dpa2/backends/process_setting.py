"""A setting of the whole process that several threads need at the same time."""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Lock


class ProcessSetting:
    """A context that the first of several threads makes and the last one undoes, whatever their order in between.

    make: makes the setting and returns the function that undoes it.

    >>> setting = ProcessSetting(lambda: print("made") or (lambda: print("undone")))
    >>> with setting, setting:
    ...     print("used")
    made
    used
    undone
    """

    def __init__(self, make: Callable[[], Callable[[], object]]) -> None:
        self.make = make
        self.undo: Callable[[], object] | None = None
        self.start_anew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.start_anew)

    def start_anew(self) -> None:
        """Forget the threads that use it, of which a forked child has none; it undoes what its parent had made."""
        self.lock, self.users = Lock(), 0

    def __enter__(self) -> None:
        with self.lock:
            if self.undo is None:
                self.undo = self.make()
            self.users += 1

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self.users -= 1
            if self.users == 0 and self.undo is not None:
                undo, self.undo = self.undo, None
                undo()
