"""Plain JSON: the one text of a value, and the values in a text."""

from __future__ import annotations

import json
from collections import Counter

from ...errors import FormatError, shorten
from ..budget import spend, spend_text

MOST_ENTRIES = 100_000  # of the settings in a file


def canonical_json(value) -> str:
    """The one JSON text of a plain value: sorted keys, no spaces, shortest exact floats, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def strict_json(text: str | bytes):
    """The value of a JSON text within the budget; `FormatError` names a key that occurs twice in one object."""
    spend_text(text)
    return json.loads(text, object_pairs_hook=unique)


def unique(pairs: list[tuple]) -> dict:
    """The dictionary of pairs whose keys all differ."""
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        refuse_twice(next(key for key, count in counts.items() if count > 1))
    return found


def refuse_twice(key):
    """Refuse a key that occurs twice in one object, whose value readers would not agree on."""
    raise FormatError(f"the key {shorten(key)} occurs twice in one object", key=str(key))


def parse_json(text: str | bytes, name: str, key: str):
    """The value of a JSON text in a file; `FormatError` names a text that is not valid JSON."""
    try:
        return strict_json(text)
    except FormatError:
        raise
    except ValueError as error:
        raise FormatError(f"{name} is not valid JSON ({error})", key=key) from error


def as_json(value, key: str):
    """A value from YAML or a pickle as plain JSON; `FormatError` names one that is not plain JSON."""
    require_tree(value, key)
    try:
        return json.loads(canonical_json(value))
    except (TypeError, ValueError) as error:
        raise FormatError(f"{key} is not plain JSON ({error})", key=key) from error


def require_tree(value, key: str) -> None:
    """Refuse a value that contains itself, or that repeated references make larger than settings are."""
    open_, count = [value], 0
    while open_:
        node = open_.pop()
        count += 1
        if count > MOST_ENTRIES:
            raise FormatError(f"{key} contains itself, or has more than {MOST_ENTRIES} entries", key=key)
        spend(4 * len(node) if isinstance(node, str) else 0)
        open_ += [*node, *node.values()] if isinstance(node, dict) else node if isinstance(node, (list, tuple)) else ()
