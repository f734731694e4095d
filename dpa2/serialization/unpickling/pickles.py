"""Pickles as data: a walk over the opcodes that calls nothing from the file and imports nothing.

A pickle is a program for a small stack machine. Here that machine knows constants, containers, and the few names in
a table that the caller hands over, each of which stands for a function of ours. Everything else is refused by name.
Source: sections 4.1, 5.2 and 9.1 of the description of formats.
"""

from __future__ import annotations

import pickletools
import sys
from collections.abc import Callable, Mapping
from typing import BinaryIO, NoReturn

from ...errors import FormatError, shorten
from ..budget import spend, spend_key

MOST_OPERATIONS = 1_000_000  # a checkpoint of thirty heads has a tenth of that
MARK = object()  # stands for a mark on the stack
OBJECT, ITEM = 100, 100  # bytes for the object that an operation makes, and for an item that it copies
LONGEST_INTEGER = 128  # bits
KEYS = (str, int, float, bytes, type(None))  # types of keys of dictionaries, whose hashes are quick to compute


class Instance:
    """The attributes of an object, in place of the object, and the name of its class, which is never used."""

    def __init__(self, name: str = ""):
        self.name = name
        self.attributes: dict = {}

    def build(self, state) -> None:
        """Take the attributes that were pickled."""
        spend_copy(state)
        self.attributes.update(state if isinstance(state, dict) else refuse("attributes that are not a dictionary"))


class Name:
    """A name in the file, and the function of ours that takes its place."""

    def __init__(self, name: str, meaning: Callable):
        self.name, self.meaning = name, meaning


def read_pickle(data: bytes | BinaryIO, names: Callable[[str], Callable | None], storage: Callable | None = None):
    """The object in a pickle.

    Parameters
    ----------
    data
        The pickle, or a file of several at the beginning of one; its position is then at the end of that one.
    names
        From "module name" to the function of ours that takes its place, or None for a name that is refused.
    storage
        Takes the persistent identifiers of the file, if it may have any.
    """
    machine = Machine(names, storage)
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if count > MOST_OPERATIONS:
                refuse(f"more than {MOST_OPERATIONS} operations")
            require_short(argument)
            spend(OBJECT + sys.getsizeof(argument))
            OPERATIONS.get(opcode.name, unknown(opcode.name))(machine, argument)
        return machine.stack.pop()
    except FormatError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, StopIteration) as error:
        raise FormatError(f"damaged pickle ({shorten(str(error))})") from error


def refuse(what: str) -> NoReturn:
    raise FormatError(f"its pickle has {what}, which is not read; nothing of it was run")


def refuse_name(text: str) -> NoReturn:
    """Refuse a name that stands for something else than tensors and plain data, and say how to do without it."""
    hint = (
        "if you trust the file, load it where it was written and save the state dictionary of the model alone, with "
        "its `_extra_state`, by torch.save"
    )
    text = text if len(text) <= 100 else f"{text[:100]}..."
    found = f"its pickle has the name {text!r}, which is neither a tensor nor plain data; nothing of it was run"
    raise FormatError(f"{found}; {hint}", key=text, hint=hint)


def require_short(argument) -> None:
    """Refuse a whole number of thousands of digits, with which arithmetic takes long."""
    if isinstance(argument, int) and argument.bit_length() > LONGEST_INTEGER:
        refuse(f"a whole number of more than {LONGEST_INTEGER} bits")


def spend_copy(*values) -> None:
    """Spend what a copy of values takes, which the memo may hand out again and again."""
    sized = [v for v in values if isinstance(v, (str, bytes, list, tuple, dict))]
    counts = [len(v) for v in sized if not isinstance(v, (str, bytes))]
    texts = sum(sys.getsizeof(v) for v in sized if isinstance(v, (str, bytes)))
    spend(texts + ITEM * (sum(counts) + len(values)), sum(counts) + len(values))


class Machine:
    """The state of the reader: the stack with its marks, and the memo."""

    def __init__(self, names: Callable[[str], Callable | None], storage: Callable | None):
        self.names, self.storage = names, storage
        self.stack: list = []
        self.memo: dict = {}

    def since_mark(self) -> list:
        """The objects on the stack since the last mark; they and the mark are removed."""
        start = next(k for k in reversed(range(len(self.stack))) if self.stack[k] is MARK)
        found = self.stack[start + 1 :]
        del self.stack[start:]
        return found

    def name(self, text: str) -> None:
        """Push a global name; unknown ones are refused."""
        meaning = self.names(text)
        self.stack.append(Name(text, meaning) if meaning else refuse_name(text))

    def stack_name(self) -> None:
        """Push the global name whose two parts are on the stack."""
        parts = self.take(2)
        spend_copy(*parts)
        self.name(" ".join(parts))

    def call(self, _) -> None:
        """Call the function that takes the place of a name."""
        arguments, name = self.stack.pop(), self.stack.pop()
        if not isinstance(name, Name) or not isinstance(arguments, tuple):
            refuse("a call of something else than a name")
        spend_copy(*arguments, name)
        self.stack.append(name.meaning(*arguments))

    def build(self, _) -> None:
        """Set the state of a known object; the state of a dictionary besides its items is ignored."""
        state, target = self.stack.pop(), self.stack[-1]
        if not isinstance(target, dict):
            target.build(state) if hasattr(target, "build") else refuse("a state for an object that takes none")

    def persistent(self, _) -> None:
        identifier = self.stack.pop()
        self.stack.append(self.storage(identifier) if self.storage else refuse("a persistent identifier"))

    def set_items(self, items: list) -> None:
        target = self.stack[-1]
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, KEYS) or not isinstance(target, dict):
                refuse("an unusual key or dictionary")
            spend_key(key)
            target[key] = value

    def extend(self, items: list) -> None:
        target = self.stack[-1]
        target.extend(items) if isinstance(target, list) else refuse("items for something else than a list")

    def take(self, count: int) -> list:
        """The last `count` objects of the stack, which are removed."""
        found = self.stack[len(self.stack) - count :]
        if len(found) < count or MARK in map(id_or_mark, found):
            refuse("too few objects")
        del self.stack[len(self.stack) - count :]
        return found


def id_or_mark(found):
    """The mark, or None in place of an object, whose own comparison is never used."""
    return found if found is MARK else None


def unknown(name: str) -> Callable:
    return lambda machine, argument: refuse(f"the operation {name}")


def push(make: Callable) -> Callable:
    return lambda machine, argument: machine.stack.append(make(argument))


def constants(*names: str) -> dict[str, Callable]:
    return dict.fromkeys(names, push(lambda argument: argument))


def memorize(machine: Machine, place) -> None:
    spend_key(place)
    machine.memo[len(machine.memo) if place is None else place] = machine.stack[-1]


def recall(machine: Machine, place) -> None:
    machine.stack.append(machine.memo[place])


def collected(make: Callable) -> Callable:
    return lambda machine, _: machine.stack.append(make(machine.since_mark()))


def tuple_of(count: int) -> Callable:
    return lambda machine, _: machine.stack.append(tuple(machine.take(count)))


# Operations of the machine by the names of their opcodes.
OPERATIONS: Mapping[str, Callable] = {
    **dict.fromkeys(("PROTO", "FRAME", "STOP", "READONLY_BUFFER"), lambda machine, _: None),
    **constants("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    **constants(
        "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"
    ),
    "NONE": push(lambda _: None),
    "NEWTRUE": push(lambda _: True),
    "NEWFALSE": push(lambda _: False),
    "EMPTY_DICT": push(lambda _: {}),
    "EMPTY_LIST": push(lambda _: []),
    "EMPTY_TUPLE": push(lambda _: ()),
    "MARK": push(lambda _: MARK),
    "TUPLE": collected(tuple),
    "LIST": collected(list),
    "TUPLE1": tuple_of(1),
    "TUPLE2": tuple_of(2),
    "TUPLE3": tuple_of(3),
    "EMPTY_SET": push(lambda _: []),  # a set becomes a list
    "FROZENSET": collected(list),
    "ADDITEMS": lambda machine, _: machine.extend(machine.since_mark()),
    "APPEND": lambda machine, _: machine.extend(machine.take(1)),
    "APPENDS": lambda machine, _: machine.extend(machine.since_mark()),
    "SETITEM": lambda machine, _: machine.set_items(machine.take(2)),
    "SETITEMS": lambda machine, _: machine.set_items(machine.since_mark()),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), memorize),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), recall),
    "GLOBAL": lambda machine, text: machine.name(text),
    "STACK_GLOBAL": lambda machine, _: machine.stack_name(),
    "REDUCE": Machine.call,
    "NEWOBJ": Machine.call,
    "BUILD": Machine.build,
    "BINPERSID": Machine.persistent,
}
