"""The role of an array in a module: what it is, in which precision it is kept, and how it starts in a new model.

A role is declared where the field is declared; nothing else in the project lists tensors by name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Constant:
    """Start at one value."""

    value: float


@dataclass(frozen=True)
class Normal:
    """Start normally distributed."""

    mean: float = 0.0
    deviation: float = 1.0


@dataclass(frozen=True)
class Scaled:
    """Start normally distributed with variance 1 / fans; `fans(module)` is fan-in plus fan-out of the matrix."""

    fans: Callable[[Any], int]


@dataclass(frozen=True)
class Configured:
    """Start as the configuration says (scales of residual updates)."""


Initial = Constant | Normal | Scaled | Configured


@dataclass(frozen=True)
class Role:
    """The role of a field's arrays.

    kind: "parameter" (changed by training), "statistic" (taken from data), "constant" (chosen with the model), or
    "derived" (computed from other arrays). initial: the distribution in a new model; None if a new model has no such
    array. wide: whether the array is kept in the precision of energies, whatever the precision of the model.
    """

    kind: str
    initial: Initial | None = None
    wide: bool = False


DERIVED = Role("derived")


def parameter(initial: Initial, **options) -> Any:
    """Declare a field of arrays that training changes."""
    return dataclasses.field(metadata={"role": Role("parameter", initial)}, **options)


def statistic(initial: Initial, *, wide: bool = False, **options) -> Any:
    """Declare a field of arrays that are taken from data."""
    return dataclasses.field(metadata={"role": Role("statistic", initial, wide)}, **options)


def constant(initial: Initial | None = None, **options) -> Any:
    """Declare a field of arrays that are chosen with the model and never change."""
    return dataclasses.field(metadata={"role": Role("constant", initial)}, **options)


def derived(*, wide: bool = False, **options) -> Any:
    """Declare a field of arrays that are computed from others."""
    return dataclasses.field(metadata={"role": Role("derived", None, wide)}, **options)


def part(name: str, **options) -> Any:
    """Declare a field whose module is a part of the model with a precision of its own."""
    return dataclasses.field(metadata={"part": name}, **options)


def inline(**options) -> Any:
    """Declare a field whose name is left out of the paths of its arrays."""
    return dataclasses.field(metadata={"inline": True}, **options)


def static(**options) -> Any:
    """Declare a field that is a setting, not an array."""
    return dataclasses.field(metadata={"static": True}, **options)
