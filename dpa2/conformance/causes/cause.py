"""What a cause is, and the words in which causes say what they change."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from ...fitting.energy import EnergyModel, EnergyProgram
from ...nn.module import map_modules, replaced

Change = Callable  # from a tree of frozen dataclasses to another


def unchanged(tree):
    """The tree itself."""
    return tree


@dataclass(frozen=True)
class Cause:
    """A mistake: its name, what was done wrong, where the specification says it, and the changes that make it.

    `config` changes the configuration, `weights` the tree of weights that is built from it, and `program` what that
    tree is when it is folded.
    """

    name: str
    words: str
    section: str
    config: Change = unchanged
    weights: Change = unchanged
    program: Change = unchanged


@dataclass(frozen=True, eq=False)
class AlteredModel(EnergyModel):
    """Weights of which another program is made."""

    change: Change = unchanged

    def fold(self) -> EnergyProgram:
        return self.change(super().fold())


def chain(*changes: Change) -> Change:
    """Several changes one after another."""

    def changed(tree):
        for change in changes:
            tree = change(tree)
        return tree

    return changed


def at(path: str, change: Change) -> Change:
    """A change of what lies at a path, e.g. `descriptor.repinit`; none where the model has no such part."""
    name, _, rest = path.partition(".")

    def changed(tree):
        part = getattr(tree, name)
        if part is None:
            return tree
        return dataclasses.replace(tree, **{name: (at(rest, change) if rest else change)(part)})

    return changed


def put(path: str, value) -> Change:
    """A value in place of the one at a path."""
    return at(path, lambda _: value)


def each(kind, change: Change) -> Change:
    """A change of every module of a class, or of several classes."""
    return lambda tree: map_modules(lambda part: change(part) if isinstance(part, kind) else part, tree)


def swap(old: type, new: type) -> Change:
    """Modules of the class `new` in place of all of its base class `old`."""
    return lambda tree: replaced(tree, old, new)


def fields(**values) -> Change:
    """Other values for some fields of a module."""
    return lambda part: dataclasses.replace(part, **values)
