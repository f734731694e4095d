"""A native tree as text: YAML, and JSON after the same convention.

Numbers are written with as many digits as tell them apart, so that arrays survive to the bit. Source: sections 3.2
and 3.4 of the description of formats.
"""

from __future__ import annotations

import json

import numpy

from ...errors import FormatError, shorten
from ..tree.packing import BFLOAT16, narrow, widen
from ..tree.variables import map_variables

DTYPES = ("float64", "float32", "float16", "bfloat16")
NUMBERS = {int, float, str}  # text: a YAML 1.2 writer may spell 1e-05 without a point
DEPTH = 100  # of nested lists and dictionaries; a genuine tree has about 20


def write_yaml(tree: dict) -> bytes:
    """The bytes of a `.yaml` file."""
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return yaml.dump(map_variables(array_to_plain, tree), Dumper=plain_dumper(dumper)).encode()


def write_json(tree: dict) -> bytes:
    """The bytes of a `.json` file."""
    return json.dumps(map_variables(array_to_plain, tree)).encode()


def read_yaml(data: bytes) -> dict:
    """The tree in the bytes of a `.yaml` file."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        require_bounded(yaml.parse(data, Loader=loader), len(data))
        root = yaml.load(data, Loader=loader)
    except (yaml.YAMLError, ValueError) as error:
        raise FormatError(f"damaged or truncated YAML file ({' '.join(str(error).split())})") from error
    return map_variables(plain_to_array, root)


def read_json(data: bytes) -> dict:
    """The tree in the bytes of a `.json` file."""
    try:
        root = json.loads(data)
    except ValueError as error:
        raise FormatError(f"damaged or truncated JSON file ({error})") from error
    return map_variables(plain_to_array, root)


def array_to_plain(array: numpy.ndarray):
    """A dictionary for an array, a bare number for a scalar."""
    if array.shape == ():
        return array.item()
    name = "bfloat16" if array.dtype == BFLOAT16 else array.dtype.name
    value = (widen(array) if name == "bfloat16" else array).tolist()
    return {"@class": "np.ndarray", "@is_variable": True, "@version": 1, "dtype": name, "value": value}


def plain_to_array(plain) -> numpy.ndarray:
    """The inverse of `array_to_plain`; older files lack the version."""
    value, dtype = (plain.get("value"), plain.get("dtype")) if isinstance(plain, dict) else (plain, "float64")
    if dtype not in DTYPES:
        raise FormatError(f"array of dtype {shorten(dtype)}; known: {', '.join(DTYPES)}", key="dtype")
    try:
        objects = numpy.array(value, dtype=object)
        if not set(map(type, objects.ravel())) <= NUMBERS:
            raise ValueError("no numbers")
        array = objects.astype("float32" if dtype == "bfloat16" else dtype)
    except (ValueError, TypeError, OverflowError) as error:
        raise FormatError(f"array {shorten(value)} is no table of numbers ({error})", key="value") from error
    return narrow(array, "in the file") if dtype == "bfloat16" else array


def plain_dumper(base):
    """A dumper that repeats what occurs twice, as no reader of these files expects references."""

    class Dumper(base):
        def ignore_aliases(self, data):
            return True

    return Dumper


def require_bounded(events, size: int):
    """Refuse documents that are nested deeply, or that references blow up beyond the size of the file."""
    counts, anchors, names = [0], {}, []
    for event in events:
        kind = type(event).__name__
        if kind in ("MappingStartEvent", "SequenceStartEvent"):
            counts.append(1)
            names.append(event.anchor)
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            anchors[names.pop()] = count = counts.pop()
            counts[-1] += count
        elif kind == "AliasEvent":  # without an anchor that has ended it refers to itself, or to a word
            counts[-1] += anchors.get(event.anchor, size if event.anchor in names else 1)
        elif kind == "ScalarEvent":
            counts[-1] += 1
        if len(counts) > DEPTH or counts[-1] > size:
            raise ValueError(f"nested deeper than {DEPTH}, or larger than the file")
