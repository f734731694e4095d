"""A native tree as JSON, with arrays spelled as in YAML."""

from __future__ import annotations

import json

from ..budget import allow_text
from ..settings.plain import parse_json
from ..tree.variables import map_variables
from .container import native_tree
from .plain_arrays import array_to_plain, plain_to_array
from .safetensors import is_safetensors


def is_json(data: bytes) -> bool:
    """Return whether a file begins like a JSON object, and not with a length as safetensors does."""
    return data.lstrip()[:1] == b"{" and not is_safetensors(data)


def write_json(tree: dict) -> bytes:
    """The bytes of a `.json` file."""
    return json.dumps(map_variables(array_to_plain, tree)).encode()


def read_json(data: bytes) -> dict:
    """The tree in the bytes of a `.json` file."""
    allow_text()
    return map_variables(plain_to_array, parse_json(data, "damaged or truncated: the text", "json"))


CONTAINERS = (native_tree("JSON", read_json, write_json, suffixes=(".json",), recognize=is_json, written=(".json",)),)
