"""A native tree as YAML.

Source: section 3.2 of the description of formats.
"""

from __future__ import annotations

from ...errors import FormatError
from ..budget import allow_text
from ..tree.variables import map_variables
from .container import native_tree
from .plain_arrays import array_to_plain, is_text, plain_to_array


def write_yaml(tree: dict) -> bytes:
    """The bytes of a `.yaml` file."""
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return yaml.dump(map_variables(array_to_plain, tree), Dumper=plain_dumper(dumper)).encode()


def read_yaml(data: bytes) -> dict:
    """The tree in the bytes of a `.yaml` file."""
    import yaml

    from .yaml_tree import read_events

    allow_text()
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        root = read_events(yaml.parse(data, Loader=loader), yaml.SafeLoader)
    except FormatError as error:
        raise FormatError(f"YAML file: {error}", **error.facts) from error
    except (yaml.YAMLError, ValueError) as error:
        raise FormatError(f"damaged or truncated YAML file ({' '.join(str(error).split())})") from error
    return map_variables(plain_to_array, root)


def plain_dumper(base: type) -> type:
    """A dumper that writes out again a value that occurs twice, as no reader of these files expects references."""
    return type("Dumper", (base,), {"ignore_aliases": lambda self, data: True})


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
