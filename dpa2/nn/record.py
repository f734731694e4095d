"""Intermediates of an evaluation: while somebody is listening, the core hands out what it computed, by name.

The names are those of the trace table (specification section 19). Without a listener `record` does nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from .arrays import Array, array_namespace

LISTENER: ContextVar = ContextVar("listener", default=None)
SCOPE: ContextVar = ContextVar("scope", default="")


@dataclass(frozen=True)
class Intermediate:
    """A row of the trace table.

    name: in a layer, below `repformer/layer0/` and so on. axes: a word for each axis, such as "atom rf channel"; "ri",
    "tb" and "rf" are the slots of the lists of repinit, of the three-body block and of the repformer. section: of the
    specification. note: what it is, in the specification's symbols.
    """

    name: str
    axes: str
    section: str
    note: str = ""


def record(name: str, value: Array | None, axes: tuple[int, ...] | None = None) -> None:
    """Tell the listener, if there is one, that `name` is `value` (with its axes permuted to the table's order)."""
    listener = LISTENER.get()
    if listener is not None and value is not None:
        listener(SCOPE.get() + name, value if axes is None else array_namespace(value).permute_dims(value, axes))


@contextmanager
def scope(prefix: str) -> Iterator[None]:
    """Let names recorded inside begin with `prefix`."""
    token = SCOPE.set(SCOPE.get() + prefix)
    try:
        yield
    finally:
        SCOPE.reset(token)


@contextmanager
def listening(listener) -> Iterator[None]:
    """Hand every recorded (name, value) to `listener`."""
    token = LISTENER.set(listener)
    try:
        yield
    finally:
        LISTENER.reset(token)
