"""A stage of a tape of which the library keeps a graph for each chunk, from the forward pass through the pullback.

Nothing is computed again. Derivatives go back through the graph of the pullback first, to the cotangents that it was
given, and at last through all of it, to what the stage was given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...backends.differentiation import Keeper
from ...descriptor.runner import Back
from .calls import Calls, as_nodes, derivatives


class Ends:
    """The results of a function for every chunk: as `nodes`, and as leaves that have a graph (`arrays`)."""

    def __init__(self, keeper: Keeper, results: Sequence[Any]) -> None:
        cut = [keeper.without_graph(result) for result in results]
        self.arrays = [arrays for arrays, *_ in cut]
        self.nodes = [as_nodes(values, [None] * len(arrays), depends) for arrays, values, depends in cut]

    def slopes(self) -> list[list]:
        """Return the derivatives by the leaves of each chunk's result."""
        return [derivatives(nodes)[0] for nodes in self.nodes]


def run_kept(
    keeper: Keeper, undo: list[Callable[[], None]], vjp: Callable, shared: tuple, *lists: Sequence
) -> tuple[list[Any], Back]:
    """Return the results of a function of chunks and the way back through it, with nodes as leaves.

    vjp: returns the result of a chunk and its pullback. undo: notes how derivatives go back.
    """
    calls = Calls(shared, lists)
    leaves, found = keeper.graphs([vjp] * len(calls.values), calls.tracked, calls.values)
    pulls = [pull for _, pull in found]
    ends = [Ends(keeper, [result for result, _ in found])]

    def pull_back(more: tuple, *cotangents: Sequence) -> list:
        given = Calls(more, cotangents)
        starts, pulled = keeper.graphs(pulls, given.tracked, given.values)
        ends.append(last := Ends(keeper, pulled))
        undo.append(lambda: go_back(keeper, given, starts, [last], keep=True))
        return last.nodes

    undo.append(lambda: go_back(keeper, calls, leaves, ends, keep=False))
    return ends[0].nodes, pull_back


def go_back(keeper: Keeper, calls: Calls, leaves: list[list], ends: Sequence[Ends], keep: bool) -> None:
    """Pass the derivatives by results on to what went in, and keep the graphs or release them."""
    arrays = [[a for part in parts for a in part] for parts in zip(*(end.arrays for end in ends), strict=True)]
    slopes = [[s for part in parts for s in part] for parts in zip(*(end.slopes() for end in ends), strict=True)]
    found = keeper.back(leaves, arrays, slopes, keep)
    calls.pass_on([(by_value, (None,) * len(by_value)) for by_value in found], keeper.summed)
