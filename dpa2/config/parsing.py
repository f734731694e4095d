"""The strict parser of the configuration: every value is held to the type that its field declares.

What it gives is the canonical form, which files and digests hold: a whole number in a field of lengths is 6.0, not 6,
and a list is a tuple.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Collection
from contextlib import suppress
from functools import cache
from numbers import Integral, Real
from typing import Any, ClassVar, Union, get_args, get_origin, get_type_hints

from ..errors import meant_perhaps
from .rules import refuse


class Section:
    """A part of the configuration: a frozen dataclass whose fields are read by their types and then held to rules.

    `path` is where the whole configuration has the section, so that errors can say it.
    """

    path: ClassVar[str] = ""

    def __post_init__(self):
        for name, wanted in declared_types(type(self)).items():
            object.__setattr__(self, name, read_value(getattr(self, name), wanted, self.place(name)))
        self.check_rules()

    def check_rules(self) -> None:
        """Refuse values of the right type that describe no model."""

    def to_plain(self) -> dict:
        """Return plain dictionaries and lists; without the settings that came later and are not in use."""
        plain = {}
        for field in dataclasses.fields(self):  # type: ignore[arg-type]  # every section is a dataclass
            value = getattr(self, field.name)
            if not ("later" in field.metadata and value == field.default):
                plain[field.name] = value.to_plain() if isinstance(value, Section) else value
        return plain

    @classmethod
    def place(cls, name: str) -> str:
        """The path of a setting of this section."""
        return f"{cls.path}.{name}" if cls.path else str(name)


def later(default) -> Any:
    """Declare a setting that did not exist from the beginning: unless it is in use, digests and files leave it out."""
    return dataclasses.field(default=default, metadata={"later": True})


@cache
def declared_types(cls) -> dict[str, Any]:
    """The type that each field of a section declares."""
    declared = get_type_hints(cls)
    return {field.name: declared[field.name] for field in dataclasses.fields(cls)}


def read_section(data, cls):
    """A section of the configuration from a dictionary of its settings."""
    if isinstance(data, cls):
        return data
    if not isinstance(data, dict):
        refuse(cls.path or "configuration", data, f"must be the settings of {cls.__name__}")
    for name in data:
        require_known(name, data[name], declared_types(cls), cls.place(name), f"setting of {cls.__name__}")
    for field in dataclasses.fields(cls):
        if field.name not in data and required(field):
            refuse(cls.place(field.name), None, "is required and has no default")
    return cls(**data)


def require_known(name, value, known: Collection[str], path: str, what: str) -> None:
    """Refuse a name that is none of the known ones, with the one that was meant perhaps."""
    if name not in known:
        refuse(path, value, f"is no {what}{meant_perhaps(name, known) or ';'} known: {', '.join(known)}")


def required(field: dataclasses.Field) -> bool:
    """Return whether a field has no default."""
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def read_value(value, wanted, path: str):
    """`value` as the type `wanted`, which is one of those that sections declare."""
    if dataclasses.is_dataclass(wanted):
        return read_section(value, wanted)
    if get_origin(wanted) in (Union, types.UnionType):
        return read_choice(value, get_args(wanted), path)
    if get_origin(wanted) is tuple:
        return read_tuple(value, get_args(wanted), path)
    return read_scalar(value, wanted, path)


def read_choice(value, choices, path: str):
    """A value of either of two types, as in `float | None`."""
    if value is None and type(None) in choices:
        return None
    rest = [c for c in choices if c is not type(None)]
    lists = [c for c in rest if get_origin(c) is tuple]
    if len(rest) > 1:
        rest = lists if isinstance(value, (list, tuple)) else [c for c in rest if c not in lists]
        rest = [c for c in rest if isinstance(c, type) and isinstance(value, c)] or rest
    return read_value(value, rest[0], path)


def read_tuple(value, items, path: str):
    """A tuple of any length for `tuple[X, ...]`, of that length alone for `tuple[X, Y]`."""
    if not isinstance(value, (list, tuple)):
        refuse(path, value, "must be a list")
    if items[-1] is Ellipsis:
        items = items[:1] * len(value)
    if len(items) != len(value):
        refuse(path, value, f"must be a list of {len(items)} items")
    return tuple(read_value(v, item, path) for v, item in zip(value, items, strict=True))


def read_scalar(value, wanted: type, path: str):
    """A flag, a word, a count, or a finite number, of exactly the type `wanted`."""
    if wanted is int:
        return read_count(value, path)
    if wanted is float:
        return read_number(value, path)
    return wanted(value) if isinstance(value, wanted) else refuse(path, value, f"must be a {wanted.__name__}")


def read_count(value, path: str) -> int:
    """A whole number."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        refuse(path, value, "must be a whole number")
    return int(value)


def read_number(value, path: str) -> float:
    """A number that a float can hold, which neither infinities nor integers of 400 digits are."""
    number = math.nan
    if isinstance(value, Real) and not isinstance(value, bool):
        with suppress(OverflowError):
            number = float(value)
    return number if math.isfinite(number) else refuse(path, value, "must be a finite number")
