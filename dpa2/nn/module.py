"""Modules: frozen dataclasses whose fields are weights, other modules, or (marked `static`) plain settings.

A model is a tree of them, and the path in that tree is a tensor's name everywhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import dataclass_transform

from .arrays import Array

MODULES: list[type] = []  # every module class
OBSERVERS: list[Callable[[type], object]] = []  # back ends that register each of them


def static(**options):
    """A field that is a setting, not a weight."""
    return dataclasses.field(metadata={"static": True}, **options)


@dataclass_transform(frozen_default=True, field_specifiers=(static, dataclasses.field))
def module(cls):
    """Make a class a module: a frozen dataclass, compared by identity, known by its fields."""
    cls = dataclasses.dataclass(frozen=True, eq=False)(cls)
    MODULES.append(cls)
    for observe in OBSERVERS:
        observe(cls)
    return cls


def for_each_module(observe: Callable[[type], object]) -> None:
    """Call `observe` with every module class, those that are defined later included."""
    for cls in MODULES:
        observe(cls)
    OBSERVERS.append(observe)


def is_module(value) -> bool:
    """Whether `value` is an instance of a module class."""
    return dataclasses.is_dataclass(value) and type(value) in MODULES


def weight_fields(cls) -> list[str]:
    """Names of the fields that are weights or modules."""
    return [f.name for f in dataclasses.fields(cls) if not f.metadata.get("static")]


def map_leaves(function: Callable[[str, Array], object], tree, path: str = ""):
    """The same tree with `function(path, array)` in place of every array."""
    if tree is None:
        return None
    if isinstance(tree, (tuple, list)):
        return tuple(map_leaves(function, branch, f"{path}.{k}") for k, branch in enumerate(tree))
    if is_module(tree):
        branches = {n: map_leaves(function, getattr(tree, n), f"{path}.{n}") for n in weight_fields(type(tree))}
        return dataclasses.replace(tree, **branches)
    return function(path.lstrip("."), tree)


def leaves(tree) -> dict[str, Array]:
    """Every array of a tree by its path, e.g. `descriptor.repinit.embedding.layers.0.weight`."""
    found: dict[str, Array] = {}
    map_leaves(found.setdefault, tree)
    return found


def chain_vjp(blocks, x):
    """Value of blocks applied one after another, and the pullback through all of them."""
    pulls = []
    for block in blocks:
        x, pull = block.vjp(x)
        pulls.append(pull)

    def pull_back(dx):
        for pull in reversed(pulls):
            dx = pull(dx)
        return dx

    return x, pull_back


def map_modules(change: Callable, tree):
    """The same tree with `change(part)` in place of every module and of every setting that is a dataclass.

    What a part holds is changed before the part itself.
    """
    if isinstance(tree, tuple):
        return tuple(map_modules(change, branch) for branch in tree)
    if not dataclasses.is_dataclass(tree) or isinstance(tree, type):
        return tree
    branches = {f.name: map_modules(change, getattr(tree, f.name)) for f in dataclasses.fields(tree)}
    return change(dataclasses.replace(tree, **branches))


def recast(part, kind: type):
    """A module or setting as one of the class `kind`, which derives from a class of it and needs no more fields.

    If it is of a subclass that `kind` does not know, methods of `kind` come before those of the subclass.
    """
    known = issubclass(kind, type(part))
    cls = kind if known else type(kind.__name__, (kind, type(part)), {})
    return cls(**{f.name: getattr(part, f.name) for f in dataclasses.fields(part)})


def replaced(tree, old: type, new: type):
    """The same tree with everything of the class `old` recast as its subclass `new`."""
    return map_modules(lambda part: recast(part, new) if isinstance(part, old) else part, tree)
