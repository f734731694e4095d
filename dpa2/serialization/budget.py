"""One budget for reading a file: memory, steps, depth of nesting and time, which all readers spend.

A short file can ask for much work: by references that are written out, by compression, and by values of a byte for
each of which a parser makes an object. Readers say what they are about to make before they make it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import NoReturn

from ..errors import FormatError, InputError

VARIABLE = "DPA2_READ_LIMIT"  # environment variable with another limit of memory, in bytes
MB = 10**6
BASE = 80 * MB  # bytes that the reading of any file may take
BINARY, TEXT = 2, 5  # so many more for each byte of a file: the file and its arrays; a text needs objects for numbers
LARGEST = 16_000 * MB  # bytes; many times the largest model
STEPS = 1_000_000  # values, references and operations that any file may have, beside one for each of its bytes
LARGE_KEY, KEY = 2**53, 1000  # whole numbers whose hash, the rest of a division, can be chosen; steps for one as a key
DEPTH = 100  # greatest depth of nested lists and dictionaries; a genuine tree has about 20
SECONDS, SECONDS_PER_MB = 60.0, 5.0  # a machine under load reads 1 MB of the slowest format in less than a second
# Bytes of Python's objects, with their places in a list or dictionary.
LIST, DICTIONARY, NUMBER, WORD = 96, 240, 32, 60


@dataclass
class Budget:
    """The limits of one reading, and what has been spent of them."""

    memory: float = float("inf")
    steps: float = float("inf")
    seconds: float = float("inf")
    size: int = 0  # of the file
    spent: int = 0
    taken: int = 0
    started: float = field(default_factory=time.monotonic)

    @classmethod
    def of_file(cls, size: int) -> Budget:
        """The budget for a file of so many bytes."""
        memory = chosen_limit()
        if memory is not None:
            return cls(memory, size=size)
        return cls(min(BASE + BINARY * size, LARGEST), STEPS + size, SECONDS + SECONDS_PER_MB * size / MB, size)

    def spend(self, memory: int = 0, steps: int = 1) -> None:
        """Take bytes and steps from the budget; `FormatError` says which limit is exceeded, and how to raise it."""
        self.spent += memory
        self.taken += steps
        if self.spent > self.memory:
            exceeded("memory", f"{self.memory / MB:.0f} MB", self.memory, self.spent)
        if self.taken > self.steps:
            exceeded("steps", f"{self.steps:.0f} values and references", self.steps, self.taken)
        if time.monotonic() - self.started > self.seconds:
            exceeded("time", f"{self.seconds:.0f} s", self.seconds, time.monotonic() - self.started)


def exceeded(what: str, limit: str, most: float, spent: float) -> NoReturn:
    """Raise the error for a budget that is used up."""
    way = f"set the environment variable {VARIABLE} to a number of bytes, which takes the place of all limits"
    raise FormatError(
        f"takes more {what} to read than a model of its size does (limit: {limit}); if you trust the file, {way}",
        key=what, limit=most, spent=spent,
    )  # fmt: skip


def chosen_limit() -> int | None:
    """The limit of memory that the user has set."""
    text = os.environ.get(VARIABLE, "").strip()
    if text and not text.isdecimal():
        raise InputError(f"{VARIABLE} = {text!r}: must be a whole number of bytes", argument=VARIABLE)
    return int(text) if text else None


CURRENT: ContextVar[Budget | None] = ContextVar("budget", default=None)


@contextmanager
def spending(budget: Budget | None) -> Iterator[None]:
    """A context in which readers spend this budget; its clock starts again."""
    if budget is not None:
        budget.started = time.monotonic()
    token = CURRENT.set(budget)
    try:
        yield
    finally:
        CURRENT.reset(token)


def spend(memory: int = 0, steps: int = 1) -> None:
    """Spend the budget of the reading that is going on; without one nothing is limited."""
    budget = CURRENT.get()
    if budget is not None:
        budget.spend(memory, steps)


def allow_text() -> None:
    """Raise the limit of memory to that of a text, whose numbers are larger as objects than as signs."""
    budget = CURRENT.get()
    if budget is not None and chosen_limit() is None:
        budget.memory = min(BASE + TEXT * budget.size, LARGEST)


def spend_key(key) -> None:
    """Spend much for a large whole number as a key: many can be made that a dictionary takes for one at first sight."""
    if isinstance(key, int) and abs(key) >= LARGE_KEY:
        spend(steps=KEY)


def require_depth(depth: int) -> None:
    """Refuse lists and dictionaries that are nested more deeply than those of any model."""
    if depth > DEPTH:
        raise FormatError(f"is nested too deeply: more than {DEPTH} levels", key="depth", limit=DEPTH, spent=depth)


def spend_text(text: str | bytes) -> None:
    """Spend what the objects of a JSON text take, before they are made, by the signs that stand in it."""
    lists, dictionaries, items, words = (count(text, sign) for sign in '[{,"')
    objects = LIST * lists + DICTIONARY * dictionaries + NUMBER * items + WORD * words // 2
    spend(len(text) * (1 if text.isascii() else 4) + objects, lists + dictionaries + items)


def count(text: str | bytes, sign: str) -> int:
    """Return the number of times that a sign occurs."""
    return text.count(sign) if isinstance(text, str) else text.count(sign.encode())
