"""A native tree as YAML.

Source: section 3.2 of the description of formats.
"""

from __future__ import annotations

from ...errors import FormatError
from ..tree.variables import map_variables
from .container import native_tree
from .plain_arrays import array_to_plain, is_text, plain_to_array

DEPTH = 100  # greatest depth of nested lists and dictionaries; a genuine tree has about 20


def write_yaml(tree: dict) -> bytes:
    """The bytes of a `.yaml` file."""
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return yaml.dump(map_variables(array_to_plain, tree), Dumper=plain_dumper(dumper)).encode()


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


def plain_dumper(base: type) -> type:
    """A dumper that writes out again a value that occurs twice, as no reader of these files expects references."""
    return type("Dumper", (base,), {"ignore_aliases": lambda self, data: True})


def require_bounded(events, size: int):
    """Refuse documents that are nested deeply, or that references make larger than the file."""
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


CONTAINERS = (
    native_tree(
        "YAML",
        read_yaml,
        write_yaml,
        suffixes=(".yaml", ".yml"),
        recognize=is_text,
        written=(".yaml", ".yml"),
        last_resort=True,  # almost every text is YAML, JSON too
    ),
)
