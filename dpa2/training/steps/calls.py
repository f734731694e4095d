"""The arguments of a function of chunks, as trees of nodes, for every chunk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ...backends.differentiation import is_real
from ...nn.arrays import Array
from ...nn.flat import flattened, refilled
from ...nn.module import map_leaves


@dataclass(eq=False)
class Node:
    """An array of the run: value, change (None if it does not change), and derivatives of the final number by both.

    tracked: whether derivatives by it are wanted. They are None as long as nothing depends on it.
    """

    value: Array
    change: Array | None = None
    tracked: bool = True
    by_value: Array | None = None
    by_change: Array | None = None

    def add(self, by_value: Array | None, by_change: Array | None) -> None:
        """Add to the derivatives."""
        self.by_value = added(self.by_value, by_value)
        self.by_change = added(self.by_change, by_change)


class Calls:
    """The arguments of every chunk: `leaves`, of which the first ones (`common` of them) are shared, and `values`.

    tracked: whether derivatives by each leaf are wanted, the same for all chunks.
    """

    def __init__(self, shared: tuple, lists: Sequence[Sequence]) -> None:
        first, chunks = flattened(shared), list(zip(*lists, strict=True))
        alike = values(shared)
        self.common = len(first)
        self.leaves = [[*first, *flattened(items)] for items in chunks]
        self.values = [(*alike, *values(items)) for items in chunks]
        self.tracked = tuple(isinstance(leaf, Node) and leaf.tracked for leaf in self.leaves[0])

    def changes(self) -> list[tuple[Array | None, ...]]:
        """Return the changes of the leaves of each chunk."""
        return [tuple(leaf.change if isinstance(leaf, Node) else None for leaf in leaves) for leaves in self.leaves]

    def pass_on(self, found: Sequence[tuple[Sequence, Sequence]], summed: Callable[[list], Any]) -> None:
        """Add the derivatives of each chunk, by values and by changes, to the nodes; `summed` adds those of chunks."""
        shared = [(by_value[: self.common], by_change[: self.common]) for by_value, by_change in found]
        add_to(self.leaves[0][: self.common], *summed(shared))
        for leaves, (by_value, by_change) in zip(self.leaves, found, strict=True):
            add_to(leaves[self.common :], by_value[self.common :], by_change[self.common :])


def add_to(leaves: Sequence[Any], by_value: Sequence, by_change: Sequence) -> None:
    """Add derivatives to the nodes among leaves."""
    for leaf, *pair in zip(leaves, by_value, by_change, strict=True):
        if isinstance(leaf, Node) and leaf.tracked:
            leaf.add(*pair)


def added(before: Array | None, more: Array | None) -> Array | None:
    """Return the sum of what is there."""
    return more if before is None else before if more is None else before + more


def values(tree: Any) -> Any:
    """Return a tree with values in place of nodes."""
    return map_leaves(lambda _, leaf: leaf.value if isinstance(leaf, Node) else leaf, tree)


def as_nodes(tree: Any, changes: Sequence[Array | None], tracked: Sequence[bool]) -> Any:
    """Return a tree whose real arrays are nodes; integers stay as they are."""
    leaves = zip(flattened(tree), changes, tracked, strict=True)
    return refilled(tree, [Node(x, change, wanted) if is_real(x) else x for x, change, wanted in leaves])


def derivatives(tree: Any) -> tuple[list[Array | None], list[Array | None]]:
    """Return the derivatives by the values and by the changes of the leaves of a tree of nodes."""
    nodes = [leaf if isinstance(leaf, Node) else None for leaf in flattened(tree)]
    return [n and n.by_value for n in nodes], [n and n.by_change for n in nodes]
