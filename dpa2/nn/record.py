"""A window on the intermediates: while somebody is listening, the core says what it computed and under which name.

The names are those of the trace table (specification section 19). Without a listener `record` does nothing.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar

from .arrays import Array, array_namespace

LISTENER: ContextVar = ContextVar("listener", default=None)
SCOPE: ContextVar = ContextVar("scope", default="")


def record(name: str, value: Array, axes: tuple[int, ...] | None = None) -> None:
    """Tell the listener, if there is one, that `name` is `value` (with its axes permuted to the table's order)."""
    listener = LISTENER.get()
    if listener is not None and value is not None:
        listener(SCOPE.get() + name, value if axes is None else array_namespace(value).permute_dims(value, axes))


@contextmanager
def scope(prefix: str):
    """Names recorded inside begin with `prefix`."""
    token = SCOPE.set(SCOPE.get() + prefix)
    try:
        yield
    finally:
        SCOPE.reset(token)


@contextmanager
def listening(listener):
    """Hand every recorded (name, value) to `listener`."""
    token = LISTENER.set(listener)
    try:
        yield
    finally:
        LISTENER.reset(token)
