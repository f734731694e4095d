"""The class of causes, and functions that make the changes of which they consist."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from ...fitting.atomic_model import AtomicModel, AtomicProgram
from ...nn.module import map_modules, replaced

Change = Callable  # a function from a tree of frozen dataclasses to another


def unchanged(tree):
    """Return the tree itself."""
    return tree


@dataclass(frozen=True)
class Cause:
    """A mistake: its name, its description, its section of the specification, and the changes that make it.

    `config` changes the configuration, `weights` the tree of weights that is built from it, and `program` the folded
    tree.
    """

    name: str
    words: str
    section: str
    config: Change = unchanged
    weights: Change = unchanged
    program: Change = unchanged


@dataclass(frozen=True, eq=False)
class AlteredModel(AtomicModel):
    """Weights whose program is changed after folding."""

    change: Change = unchanged

    def fold(self) -> AtomicProgram:
        return self.change(super().fold())


def chain(*changes: Change) -> Change:
    """Return the change that makes several changes one after another."""

    def changed(tree):
        for change in changes:
            tree = change(tree)
        return tree

    return changed


def at(path: str, change: Change) -> Change:
    """Return the change of the part at a path, such as `descriptor.repinit`; absent parts stay absent."""
    name, _, rest = path.partition(".")

    def changed(tree):
        part = getattr(tree, name)
        if part is None:
            return tree
        return dataclasses.replace(tree, **{name: (at(rest, change) if rest else change)(part)})

    return changed


def put(path: str, value) -> Change:
    """Return the change that puts a value in place of the one at a path."""
    return at(path, lambda _: value)


def each(kind, change: Change) -> Change:
    """Return the change of every module of a class, or of several classes."""
    return lambda tree: map_modules(lambda part: change(part) if isinstance(part, kind) else part, tree)


def swap(old: type, new: type) -> Change:
    """Return the change that puts modules of the class `new` in place of those of its base class `old`."""
    return lambda tree: replaced(tree, old, new)


def fields(**values) -> Change:
    """Return the change of some fields of a module."""
    return lambda part: dataclasses.replace(part, **values)
