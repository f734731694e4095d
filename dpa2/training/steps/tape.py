"""A run of a program over chunks that can be gone back, chunk by chunk.

The program runs as ever: it calls functions of chunks and lays their results end to end. The tape does both with values
and, if the program is to be differentiated forward, with their derivatives along a direction (changes), and keeps what
went in. On the way back each function of a chunk is computed again, so that memory holds the representations of atoms
and pairs, and the inside of one function at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ...backends.differentiation import Differentiation, is_real
from ...nn.arrays import Array, end_to_end
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


def added(before: Array | None, more: Array | None) -> Array | None:
    """Return the sum of what is there."""
    return more if before is None else before if more is None else before + more


class Tape:
    """A `Runner` over trees whose leaves are nodes, or arrays that stay as they are."""

    def __init__(self, differentiation: Differentiation) -> None:
        self.differentiation = differentiation
        self.undo: list[Callable[[], None]] = []

    def run(self, function: Callable, shared: tuple, *lists: Sequence) -> list[Any]:
        """Return `function(*shared, *items)` for the items of every chunk, with nodes as leaves."""
        common, shared = flattened(shared), values(shared)
        chunks = list(zip(*lists, strict=True))
        leaves = [[*common, *flattened(items)] for items in chunks]
        given = [
            ((*shared, *values(items)), tuple(map(change, nodes))) for items, nodes in zip(chunks, leaves, strict=True)
        ]
        tracked = tuple(isinstance(leaf, Node) and leaf.tracked for leaf in leaves[0])
        found = self.differentiation.forward(function, given)
        depends = self.differentiation.depends(function, tracked, given[0][0])
        results = [refilled(out, list(map(node, flattened(out), changes, depends))) for out, changes in found]
        self.undo.append(
            lambda: self.back(function, tracked, given, leaves, list(map(flattened, results)), len(common))
        )
        return results

    def back(
        self, function: Callable, tracked: tuple, given: list[tuple], leaves: list[list], results: list, common: int
    ) -> None:
        """Pass derivatives by the results of all chunks on to what went in, of which the first leaves are shared."""
        outs = [([by_value(x) for x in out], [by_change(x) for x in out]) for out in results]
        calls = [(*call, *out) for call, out in zip(given, outs, strict=True)]
        found = self.differentiation.backward(function, tracked, calls)
        own = [[(v[k], c[k]) for k in range(common, len(tracked))] for v, c in found]
        for pairs, nodes in zip(own, leaves, strict=True):
            pass_on(nodes[common:], pairs)
        sums = self.differentiation.summed([(v[:common], c[:common]) for v, c in found])
        pass_on(leaves[0][:common], list(zip(*sums, strict=True)))

    def joiner(self) -> Callable[[Sequence[Node]], Node]:
        """Return a function that lays nodes end to end."""
        return self.join

    def join(self, parts: Sequence[Node]) -> Node:
        """Return nodes end to end."""
        changes = [p.change for p in parts]
        moved = None if changes[0] is None else end_to_end(changes)
        whole = Node(end_to_end([p.value for p in parts]), moved, parts[0].tracked)
        sizes = tuple(len(p.value) for p in parts)

        def undo() -> None:
            pairs = [self.pieces(x, sizes) for x in (whole.by_value, whole.by_change)]
            for part, by_value, by_change in zip(parts, *pairs, strict=True):
                part.add(by_value, by_change)

        self.undo.append(undo)
        return whole

    def pieces(self, x: Array | None, sizes: tuple[int, ...]) -> Sequence[Array | None]:
        """Return the rows of each part."""
        return [None] * len(sizes) if x is None else self.differentiation.rows(x, sizes)

    def go_back(self) -> None:
        """Pass all derivatives back to the beginning; the tape can be used once."""
        while self.undo:
            self.undo.pop()()


def pass_on(leaves: Sequence[Any], pairs: Sequence[tuple]) -> None:
    """Add derivatives to the nodes among leaves."""
    for leaf, pair in zip(leaves, pairs, strict=True):
        if isinstance(leaf, Node) and leaf.tracked:
            leaf.add(*pair)


def node(value: Array, change: Array | None, tracked: bool) -> Any:
    """Return the node of a result; integers stay as they are."""
    return Node(value, change, tracked) if is_real(value) else value


def values(tree: Any) -> Any:
    """Return a tree with values in place of nodes."""
    return map_leaves(lambda _, leaf: leaf.value if isinstance(leaf, Node) else leaf, tree)


def change(leaf: Any) -> Array | None:
    """Return the change of a leaf."""
    return leaf.change if isinstance(leaf, Node) else None


def by_value(leaf: Any) -> Array | None:
    """Return the derivative by the value of a leaf."""
    return leaf.by_value if isinstance(leaf, Node) else None


def by_change(leaf: Any) -> Array | None:
    """Return the derivative by the change of a leaf."""
    return leaf.by_change if isinstance(leaf, Node) else None
