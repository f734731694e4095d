"""The plain values of a YAML text, built from its events one by one, so that no second tree of nodes is in memory.

Only what a native tree consists of is read: lists, dictionaries with words or numbers as keys, and plain values. Other
tags are refused. A reference repeats a value that is complete, and spends the budget as if it were written out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ...errors import FormatError, shorten
from ..budget import DICTIONARY, LIST, require_depth, spend, spend_key
from ..settings.plain import refuse_twice

TAG = "tag:yaml.org,2002:"
WORDS = (f"{TAG}str", f"{TAG}timestamp")  # dates stay words
REAL = f"{TAG}float"
NUMBERS = (REAL, f"{TAG}int", f"{TAG}bool", f"{TAG}null")
COLLECTIONS = {"SequenceStartEvent": (None, "!", f"{TAG}seq"), "MappingStartEvent": (None, "!", f"{TAG}map")}
LONGEST_INTEGER = 1000  # signs; conversion of base 60 takes a time that grows with their square
NO_KEY = object()  # stands for a key that has not been read


@dataclass
class Open:
    """A list or dictionary whose end has not been read, with the number of values in it."""

    items: list | dict
    anchor: str | None
    key: Any = NO_KEY
    count: int = 1


class Tree:
    """The values of the events so far: the open collections, and the complete values by their anchors."""

    def __init__(self, scalar: Callable):
        self.scalar = scalar
        self.open = [Open([], None)]
        self.anchors: dict[str, tuple[Any, int]] = {}

    def add(self, value, count: int = 1) -> None:
        """Put a complete value, of so many values with those inside it, into the innermost open collection."""
        inner = self.open[-1]
        inner.count += count
        if isinstance(inner.items, list):
            inner.items.append(value)
        elif inner.key is NO_KEY:
            inner.key = require_key(value, inner.items)
        else:
            inner.items[inner.key], inner.key = value, NO_KEY

    def note(self, anchor: str | None, value, count: int) -> None:
        if anchor is not None:
            self.anchors[anchor] = value, count

    def begin(self, event, items: list | dict, memory: int) -> None:
        """Open a collection."""
        if event.tag not in COLLECTIONS[type(event).__name__]:
            refuse_tag(event.tag)
        spend(memory)
        require_depth(len(self.open))
        self.anchors.pop(event.anchor, None)
        self.open.append(Open(items, event.anchor))

    def end(self) -> None:
        """Close the innermost collection, which is complete."""
        closed = self.open.pop()
        self.note(closed.anchor, closed.items, closed.count)
        self.add(closed.items, closed.count)

    def value(self, event) -> None:
        spend(sys.getsizeof(event.value))
        value = self.scalar(event)
        self.note(event.anchor, value, 1)
        self.add(value)

    def repeat(self, event) -> None:
        """Add the value of an anchor again."""
        if event.anchor not in self.anchors:
            raise FormatError(f"the reference {shorten(event.anchor)} is to no value that is complete", key="anchor")
        value, count = self.anchors[event.anchor]
        spend(LIST * count, count)
        self.add(value, count)


def require_key(value, items: dict):
    """The key of a dictionary, which must be a plain value that is not there yet."""
    if isinstance(value, (list, dict)):
        raise FormatError("a list or dictionary is the key of a dictionary", key="key")
    spend_key(value)
    return refuse_twice(value) if value in items else value


def refuse_tag(tag: str):
    raise FormatError(f"the tag {shorten(tag)} is none of a plain value; nothing of it was run", key="tag")


def read_events(events: Iterable, loader: type):
    """The one value that the events of a text give."""
    tree = Tree(scalars(loader))
    actions = {
        "ScalarEvent": tree.value,
        "SequenceStartEvent": lambda event: tree.begin(event, [], LIST),
        "MappingStartEvent": lambda event: tree.begin(event, {}, DICTIONARY),
        "SequenceEndEvent": lambda event: tree.end(),
        "MappingEndEvent": lambda event: tree.end(),
        "AliasEvent": tree.repeat,
    }
    for event in events:
        action = actions.get(type(event).__name__)
        if action is not None:
            action(event)
    found = tree.open[0].items
    if len(found) > 1:
        raise FormatError("holds several documents, of which a model is one", key="documents")
    return found[0] if found else None


def scalars(loader: type) -> Callable:
    """The function from an event to a plain value."""
    from yaml import ScalarNode

    rules = loader("")

    def value(event):
        text, tag = event.value, event.tag
        if tag is None or tag == "!":
            tag = rules.resolve(ScalarNode, text, event.implicit)
        if tag in WORDS:
            return text
        if tag not in NUMBERS:
            refuse_tag(tag)
        if len(text) > LONGEST_INTEGER and tag != REAL:
            raise FormatError(f"a whole number has {len(text)} signs, more than {LONGEST_INTEGER}", key="value")
        try:
            node = ScalarNode(tag, text)
            return number(rules, node) if tag == REAL else rules.construct_object(node)
        except (ValueError, LookupError) as error:  # the library takes for granted what a tag says
            raise FormatError(f"{shorten(text)} is not what its tag {tag} says", key="value") from error

    return value


def number(rules, node) -> float:
    """A real number, most quickly in the usual spelling."""
    try:
        return float(node.value)
    except ValueError:
        return rules.construct_yaml_float(node)
