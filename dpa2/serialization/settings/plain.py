"""A configuration as plain JSON and back, every value checked against the type that its field declares.

The canonical form is what the digest and the native format hold: a whole number in a field of lengths is 6.0, not 6.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
from functools import cache
from numbers import Integral, Real
from typing import NoReturn, Union, get_args, get_origin, get_type_hints

from ...config import DPA2Config
from ...errors import ConfigurationError, FormatError


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


def canonical(config: DPA2Config) -> DPA2Config:
    """The same configuration with every value of exactly the declared type."""
    return config_from_plain(config.to_dict())


def config_to_plain(config: DPA2Config) -> dict:
    """Dictionaries, lists and scalars of exactly the declared types."""
    return canonical(config).to_dict()


def config_from_plain(data: dict) -> DPA2Config:
    """The inverse of `config_to_plain`; raises `ConfigurationError` naming what is unknown, missing or mistyped."""
    return read_section(data, DPA2Config, "")


def refuse(path: str, value, wanted: str) -> NoReturn:
    raise ConfigurationError(f"{path} = {shorten(value)}: {wanted}", path=path, value=value)


def shorten(value) -> str:
    """At most a line of `value`, without ever writing out all of it."""
    import reprlib

    return reprlib.repr(value)


declared_types = cache(get_type_hints)


def read_section(data, cls, path: str):
    """One dataclass of the configuration."""
    if not isinstance(data, dict):
        refuse(path or "configuration", data, f"the settings of {cls.__name__} are wanted")
    wanted = declared_types(cls)
    for name in data:
        if name not in wanted:
            refuse(f"{path}{name}", data[name], f"is no setting of {cls.__name__}; known: {', '.join(wanted)}")
    for field in dataclasses.fields(cls):
        if field.name not in data and required(field):
            refuse(f"{path}{field.name}", None, "is required and has no default")
    return cls(**{name: read_value(value, wanted[name], f"{path}{name}") for name, value in data.items()})


def required(field: dataclasses.Field) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def read_value(value, wanted, path: str):
    """`value` as the type `wanted`, which is one of those that occur in `dpa2.config`."""
    if dataclasses.is_dataclass(wanted):
        return read_section(value, wanted, f"{path}.")
    if get_origin(wanted) in (Union, types.UnionType):
        return read_choice(value, get_args(wanted), path)
    if get_origin(wanted) is tuple:
        return read_tuple(value, get_args(wanted), path)
    return read_scalar(value, wanted, path)


def read_choice(value, choices, path: str):
    """Either of two types, as in `float | None`."""
    if value is None and type(None) in choices:
        return None
    rest = [c for c in choices if c is not type(None)]
    lists = [c for c in rest if get_origin(c) is tuple]
    if len(rest) > 1:
        rest = lists if isinstance(value, (list, tuple)) else [c for c in rest if c not in lists]
    return read_value(value, rest[0], path)


def read_tuple(value, items, path: str):
    """`tuple[X, ...]` of any length, or `tuple[X, Y]` of just that one."""
    if not isinstance(value, (list, tuple)):
        refuse(path, value, "a list is wanted")
    if items[-1] is Ellipsis:
        items = items[:1] * len(value)
    if len(items) != len(value):
        refuse(path, value, f"{len(items)} items are wanted")
    return tuple(read_value(v, item, path) for v, item in zip(value, items, strict=True))


def read_scalar(value, wanted: type, path: str):
    """A flag, a word, a count, or a finite number."""
    if wanted in (bool, str):
        return value if isinstance(value, wanted) else refuse(path, value, f"a {wanted.__name__} is wanted")
    kind = Integral if wanted is int else Real
    if isinstance(value, bool) or not isinstance(value, kind) or not math.isfinite(value):
        refuse(path, value, "a whole number is wanted" if wanted is int else "a finite number is wanted")
    return wanted(value)
