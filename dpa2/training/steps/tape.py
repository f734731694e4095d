"""A run of a program over chunks that can be gone back, chunk by chunk.

The program runs as ever: it calls functions of chunks and lays their results end to end. The tape does both with values
and, if the program is to be differentiated forward, with their derivatives along a direction (changes), and keeps what
went in. On the way back each function of a chunk is computed again, so that memory holds the representations of atoms
and pairs, and the inside of one function at a time; or the library has kept a graph of each (`kept_stage.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...backends.differentiation import Differentiation, Keeper
from ...descriptor.runner import Back, Gather, Stage, back_again, computed_again
from ...nn.arrays import Array, end_to_end
from .calls import Calls, Node, as_nodes, derivatives, values
from .kept_stage import run_kept


class Tape:
    """A `Runner` over trees whose leaves are nodes, or arrays that stay as they are."""

    def __init__(self, differentiation: Differentiation) -> None:
        self.differentiation = differentiation
        self.undo: list[Callable[[], None]] = []

    def run(self, function: Callable, shared: tuple, *lists: Sequence) -> list[Any]:
        """Return `function(*shared, *items)` for the items of every chunk, with nodes as leaves."""
        calls = Calls(shared, lists)
        results = self.forward(function, calls)
        self.undo.append(lambda: self.back(function, calls, results))
        return results

    def run_stage(self, stage: Stage, shared: tuple, *lists: Sequence) -> tuple[list[Any], Back]:
        """Return the results of a stage, and the way back through it."""
        gather, keeper = stage.gather, self.differentiation.keeper
        if keeper is not None:
            if gather is not None:
                return self.kept_gathered(keeper, gather, shared, *lists)
            return run_kept(keeper, self.undo, stage.vjp, shared, *lists)
        if gather is None:
            return computed_again(self, stage, shared, *lists)
        results = self.forward(stage.forward, Calls(shared, lists))
        self.undo.append(lambda: self.back_gathered(gather, results, shared, lists))
        return results, back_again(self, stage, shared, *lists)

    def kept_gathered(self, keeper: Keeper, gather: Gather, shared: tuple, *lists: Sequence) -> tuple[list[Any], Back]:
        """Do so for a stage that takes rows, whose graphs begin at the rows that each chunk takes."""
        *alike, rows = shared
        links = [values(item) for item in lists[0]]
        near = self.linear(gather.take, rows, links, lambda slopes: self.brought(gather, slopes, links))
        results, pull = run_kept(keeper, self.undo, gather.vjp, tuple(alike), near, *lists)

        def pull_back(more: tuple, parts: Sequence) -> list:
            (edges,) = more
            if edges is None:
                return pull((), [None] * len(links), parts)
            arrived = self.linear(gather.give_back, edges, links, lambda slopes: self.sent(gather, slopes, links))
            return pull((), arrived, parts)

        return results, pull_back

    def linear(self, function: Callable, whole: Node, links: list, adjoint: Callable[[list], Array]) -> list[Node]:
        """Return the results of a linear function of all rows or edges for each chunk; adjoint: its way back."""
        found = [Node(x) for x in self.differentiation.backend.run(function, (whole.value,), links)]
        self.undo.append(lambda: whole.add(adjoint([node.by_value for node in found]), None))
        return found

    def forward(self, function: Callable, calls: Calls) -> list[Any]:
        """Return the results of a function for every chunk."""
        found = self.differentiation.forward(function, list(zip(calls.values, calls.changes(), strict=True)))
        depends = self.differentiation.depends(function, calls.tracked, calls.values[0])
        return [as_nodes(out, changes, depends) for out, changes in found]

    def back(self, function: Callable, calls: Calls, results: list[Any]) -> None:
        """Pass the derivatives by the results of a function on to what went in."""
        given = zip(calls.values, calls.changes(), map(derivatives, results), strict=True)
        pairs = [(values, changes, *slopes) for values, changes, slopes in given]
        calls.pass_on(self.differentiation.backward(function, calls.tracked, pairs), self.differentiation.summed)

    def back_gathered(self, gather: Gather, results: list[Any], shared: tuple, lists: Sequence[Sequence]) -> None:
        """Do the same for a stage that takes rows: edge by edge, and then along the edges that lead to each row.

        Added up row by row, as derivatives of a library would be, these take JAX as long as all the rest of a layer.
        """
        *alike, rows = shared
        links = [values(item) for item in lists[0]]
        run = self.differentiation.backend.run
        parts = [rows.value, rows.change]
        taken = [[None] * len(links) if x is None else run(gather.take, (x,), links) for x in parts]
        near = [Node(value, change) for value, change in zip(*taken, strict=True)]
        self.back(gather.forward, Calls(tuple(alike), [near, *lists]), results)
        rows.add(*(self.brought(gather, [getattr(n, name) for n in near], links) for name in ("by_value", "by_change")))

    def brought(self, gather: Gather, edges: Sequence[Array | None], links: Sequence[Any]) -> Array | None:
        """Return what the edges of all chunks bring to the rows that they lead to."""
        if edges[0] is None:
            return None
        backend = self.differentiation.backend
        return end_to_end(backend.run(gather.give_back, (backend.joiner()(edges),), links))

    def sent(self, gather: Gather, rows: Sequence[Array], links: Sequence[Any]) -> Array:
        """Return the rows of all chunks at each of the edges that lead to them."""
        backend = self.differentiation.backend
        return end_to_end(backend.run(gather.take, (backend.joiner()(rows),), links))

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
