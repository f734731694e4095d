"""The interface of all kinds of heads: what is made of the fitting net's output (specification section 21)."""

from __future__ import annotations

from typing import ClassVar, Protocol, runtime_checkable

from ..nn.arrays import VJP, Array, Float, Int


@runtime_checkable
class Readout(Protocol):
    """From the output o of the fitting net for an atom, and its rotation matrix, to the value y of the atom.

    Both are in the precision of energies, whatever the precision of the model.
    """

    rotates: ClassVar[bool]  # whether y depends on the rotation matrix, which is None otherwise

    def vjp(
        self, o: Float[Array, "atom output"], rotation: Float[Array, "atom g 3"] | None, types: Int[Array, "atom"]
    ) -> VJP:
        """Return y (atom, ...); `pull(dy)` gives the cotangents of o and of the rotation matrix."""


@runtime_checkable
class Kind(Protocol):
    """The settings of a head."""

    def fold(self, bias: Array, deviation: Array) -> Readout:
        """Return the readout; the arrays are those of `AtomicModel`, with a first axis of types."""
