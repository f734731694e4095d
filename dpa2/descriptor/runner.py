"""The part of a back end that a program over chunks needs: functions called for all chunks, and results joined.

A stage is a function of chunks that can be gone back through. The way back computes the function again, so that memory
holds what went in and never the attention maps of all atoms, unless the library keeps these anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

from ..nn.arrays import Array

Result = TypeVar("Result")
Back = Callable[..., list]  # pull(shared, *lists): the results of the way back for every chunk


@dataclass(frozen=True)
class Gather:
    """The way in which the last shared argument of a stage, rows of all chunks, enters: each chunk takes some rows.

    take: returns them, from all rows and the first argument of the chunk. vjp, forward: the stage, which takes them as
    the chunk's first argument; the pullback takes what `give_back` returns in place of the edges of all chunks.
    give_back: returns what the edges of all chunks, end to end, bring to the rows of a chunk: the adjoint of `take`.
    """

    take: Callable
    vjp: Callable
    forward: Callable
    give_back: Callable


@dataclass(frozen=True)
class Stage:
    """A function of a chunk in three forms.

    vjp: returns the result and its pullback. forward: returns the result alone. back: takes the arguments of the
    pullback among its own, shared ones behind the shared ones and those of the chunk behind those of the chunk, and
    returns what the pullback does.
    """

    vjp: Callable
    forward: Callable
    back: Callable
    gather: Gather | None = None


@runtime_checkable
class Runner(Protocol):
    """A caller of functions of chunks, which may compile them and spread chunks over threads."""

    def run(self, function: Callable[..., Result], shared: tuple, *lists: Sequence) -> list[Result]:
        """Return `function(*shared, *items)` for the items of every chunk, in order.

        shared: trees that all chunks use. lists: trees of each chunk, as many in every list as there are chunks.
        """

    def run_stage(self, stage: Stage, shared: tuple, *lists: Sequence) -> tuple[list, Back]:
        """Return the results of a stage for the items of every chunk, and the way back through it.

        The way back takes what all chunks share, as a tuple, and lists with an item for each chunk.
        """

    def joiner(self) -> Callable[[Sequence[Array]], Array]:
        """Return a function that lays arrays (rows, ...) end to end, perhaps with unused rows at the end.

        A call of that function may overwrite the array that its previous call returned.
        """


def computed_again(runner: Runner, stage: Stage, shared: tuple, *lists: Sequence) -> tuple[list, Back]:
    """Return what `Runner.run_stage` does, by functions that compute the stage again on the way back."""
    return runner.run(stage.forward, shared, *lists), back_again(runner, stage, shared, *lists)


def back_again(runner: Runner, stage: Stage, shared: tuple, *lists: Sequence) -> Back:
    """Return the way back through a stage, on which it is computed again."""

    def pull_back(more: tuple, *cotangents: Sequence) -> list:
        return runner.run(stage.back, (*shared, *more), *lists, *cotangents)

    return pull_back


def kept(stage: Stage, shared: tuple, *lists: Sequence) -> tuple[list, Back]:
    """Return what `Runner.run_stage` does, by the pullbacks of the stage, with all that they keep in memory."""
    pairs: list[tuple[Any, Callable]] = [stage.vjp(*shared, *items) for items in zip(*lists, strict=True)]

    def pull_back(more: tuple, *cotangents: Sequence) -> list:
        return [pull(*more, *items) for (_, pull), *items in zip(pairs, *cotangents, strict=True)]

    return [result for result, _ in pairs], pull_back
