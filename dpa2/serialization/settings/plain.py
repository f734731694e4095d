"""Plain JSON: the one text of a value, and the values in a text."""

from __future__ import annotations

import json

from ...errors import FormatError


def canonical_json(value) -> str:
    """The one JSON text of a plain value: sorted keys, no spaces, shortest exact floats, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def parse_json(text: str | bytes, name: str, key: str):
    """What a JSON text in a file holds; `FormatError` says which text is none."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise FormatError(f"{name} is no JSON ({error})", key=key) from error


def as_json(value, key: str):
    """A value that came by way of YAML or a pickle as plain JSON, if it is that."""
    try:
        return json.loads(canonical_json(value))
    except (TypeError, ValueError) as error:
        raise FormatError(f"{key} is no plain JSON ({error})", key=key) from error
