"""What an evaluation asks of other processes, where each has a part of the atoms.

A process has own atoms, and knows of remote ones, which others own, as neighbours of its own. f of remote atoms comes
from their owners before each layer; what own edges bring to remote atoms goes back to the owners on the way back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from ..nn.arrays import Array, Float
from .features import Features


@runtime_checkable
class Exchange(Protocol):
    """An exchange of rows of atoms between processes. All of them make the same calls in the same order."""

    def with_remote(self, rows: Float[Array, "row f"]) -> Float[Array, "row_and_remote f"]:
        """Return f of own atoms, and behind them f of remote atoms."""

    def with_owed(self, parts: Sequence[Features], edges: Float[Array, "edge f"]) -> Sequence[Features]:
        """Return the cotangents of own chunks with what the edges of other processes bring to their atoms.

        edges: cotangents of the neighbours' f, edge by edge, of all own chunks.
        """

    def settled(self, atoms: Float[Array, "atom *rest"], owed: Float[Array, "remote *rest"]) -> Array:
        """Return values of own atoms less what other processes owe to them; owed: what this one owes to remote ones."""


class Alone:
    """The exchange of a single process: there are no remote atoms."""

    def with_remote(self, rows: Array) -> Array:
        """Return the rows."""
        return rows

    def with_owed(self, parts: Sequence[Features], edges: Array) -> Sequence[Features]:
        """Return the parts."""
        return parts

    def settled(self, atoms: Array, owed: Array) -> Array:
        """Return the values."""
        return atoms


ALONE = Alone()
