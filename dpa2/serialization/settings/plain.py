"""Plain JSON: the one text of a value, and the values in a text."""

from __future__ import annotations

import json

from ...errors import FormatError


def canonical_json(value) -> str:
    """The one JSON text of a plain value: sorted keys, no spaces, shortest exact floats, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def parse_json(text: str | bytes, name: str, key: str):
    """The value of a JSON text in a file; `FormatError` names a text that is not valid JSON."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise FormatError(f"{name} is not valid JSON ({error})", key=key) from error


def as_json(value, key: str):
    """A value from YAML or a pickle as plain JSON; `FormatError` names one that is not plain JSON."""
    try:
        return json.loads(canonical_json(value))
    except (TypeError, ValueError) as error:
        raise FormatError(f"{key} is not plain JSON ({error})", key=key) from error
