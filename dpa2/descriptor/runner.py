"""The part of a back end that a program over chunks needs: functions called for all chunks, and results joined."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar, runtime_checkable

from ..nn.arrays import Array

Result = TypeVar("Result")


@runtime_checkable
class Runner(Protocol):
    """A caller of functions of chunks, which may compile them and spread chunks over threads."""

    def run(self, function: Callable[..., Result], shared: tuple, *lists: Sequence) -> list[Result]:
        """Return `function(*shared, *items)` for the items of every chunk, in order.

        shared: trees that all chunks use. lists: trees of each chunk, as many in every list as there are chunks.
        """

    def joiner(self) -> Callable[[Sequence[Array]], Array]:
        """Return a function that lays arrays (rows, ...) end to end, perhaps with unused rows at the end.

        A call of that function may overwrite the array that its previous call returned.
        """
