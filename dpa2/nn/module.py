"""Modules: frozen dataclasses whose fields are arrays, other modules, or (marked `static`) plain settings.

A model is a tree of them, and the path in that tree is a tensor's name everywhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple, TypeVar, dataclass_transform

from .arrays import VJP, Array
from .roles import DERIVED, Role, constant, derived, inline, parameter, part, static, statistic

MODULES: list[type] = []  # every module class
OBSERVERS: list[Callable[[type], object]] = []  # back ends that register each of them
T = TypeVar("T")


@dataclass_transform(
    frozen_default=True,
    field_specifiers=(static, parameter, statistic, constant, derived, part, inline, dataclasses.field),
)
def module(cls: type[T]) -> type[T]:
    """Make a class a module: a frozen dataclass, compared by identity, known by its fields."""
    cls = dataclasses.dataclass(frozen=True, eq=False, repr=False)(cls)
    cls.__repr__ = in_words  # type: ignore[method-assign,assignment]
    MODULES.append(cls)
    for observe in OBSERVERS:
        observe(cls)
    return cls


def in_words(tree: Any) -> str:
    """Return a module's class and the number of its arrays."""
    return f"{type(tree).__name__}({len(leaves(tree))} arrays)"


def for_each_module(observe: Callable[[type], object]) -> None:
    """Call `observe` with every module class, those that are defined later included."""
    for cls in MODULES:
        observe(cls)
    OBSERVERS.append(observe)


def is_module(value: object) -> bool:
    """Return whether `value` is an instance of a module class."""
    return dataclasses.is_dataclass(value) and type(value) in MODULES


@cache
def array_fields(cls: type) -> tuple[dataclasses.Field, ...]:
    """The fields of a module class that hold arrays or modules."""
    return tuple(f for f in dataclasses.fields(cls) if not f.metadata.get("static"))


class Leaf(NamedTuple):
    """The place of an array in a tree: its path, its role, the module that holds it, and the part of the model."""

    path: str
    role: Role
    owner: Any
    part: str


def map_roles(function: Callable[[Leaf, Array], object], tree: Any) -> Any:
    """The same tree with `function(leaf, array)` in place of every array."""

    def visit(path: str, array: Array, owner: Any, field: dataclasses.Field | None, part: str) -> object:
        role = field.metadata.get("role", DERIVED) if field else DERIVED
        return function(Leaf(path.lstrip("."), role, owner, part), array)

    return walk(visit, tree)


def map_leaves(function: Callable[[str, Array], object], tree: Any) -> Any:
    """The same tree with `function(path, array)` in place of every array."""
    return walk(lambda path, array, *_: function(path.lstrip("."), array), tree)


def walk(
    visit: Callable,
    tree: Any,
    path: str = "",
    owner: Any = None,
    field: dataclasses.Field | None = None,
    part: str = "",
) -> Any:
    """The same tree with `visit(path, array, owner, field, part)` in place of every array.

    An item of a tuple is called by its number, or by the `name` that its class declares.
    """
    if tree is None:
        return None
    if isinstance(tree, tuple | list):
        items = ((getattr(item, "name", k) if is_module(item) else k, item) for k, item in enumerate(tree))
        made: Callable = getattr(type(tree), "_make", tuple)  # a named tuple keeps its names
        return made(walk(visit, item, f"{path}.{key}", owner, field, part) for key, item in items)
    if not is_module(tree):
        return visit(path, tree, owner, field, part)
    branches = {}
    for f in array_fields(tree.__class__):
        below = path if "inline" in f.metadata else f"{path}.{f.name}"
        branches[f.name] = walk(visit, getattr(tree, f.name), below, tree, f, f.metadata.get("part", part))
    return dataclasses.replace(tree, **branches)


def leaves(tree: Any) -> dict[str, Array]:
    """Every array of a tree by its path, e.g. `descriptor.repinit.embedding.layers.0.weight`."""
    found: dict[str, Array] = {}
    map_leaves(found.setdefault, tree)
    return found


def chain_vjp(modules: Iterable[Any], x: Array) -> VJP:
    """Return the value of modules applied one after another, and the pullback through all of them."""
    pulls = []
    for one in modules:
        x, pull = one.vjp(x)
        pulls.append(pull)

    def pull_back(dx: Array) -> Array:
        for pull in reversed(pulls):
            dx = pull(dx)
        return dx

    return x, pull_back


def map_modules(change: Callable[[Any], Any], tree: Any) -> Any:
    """The same tree with `change(part)` in place of every module and of every setting that is a dataclass.

    What a part holds is changed before the part itself.
    """
    if isinstance(tree, tuple):
        return tuple(map_modules(change, branch) for branch in tree)
    if not dataclasses.is_dataclass(tree) or isinstance(tree, type):
        return tree
    branches = {f.name: map_modules(change, getattr(tree, f.name)) for f in dataclasses.fields(tree)}
    return change(dataclasses.replace(tree, **branches))


def recast(part: Any, kind: type) -> Any:
    """A module or setting as one of the class `kind`, which derives from a class of it and needs no more fields.

    If it is of a subclass that `kind` does not know, methods of `kind` come before those of the subclass.
    """
    known = issubclass(kind, type(part))
    cls = kind if known else type(kind.__name__, (kind, type(part)), {})
    return cls(**{f.name: getattr(part, f.name) for f in dataclasses.fields(part)})


def replaced(tree: Any, old: type, new: type) -> Any:
    """The same tree with everything of the class `old` recast as its subclass `new`; what is one already stays."""

    def changed(part: Any) -> Any:
        return recast(part, new) if isinstance(part, old) and not isinstance(part, new) else part

    return map_modules(changed, tree)
