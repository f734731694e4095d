"""Values that do not change with rotations: energies, properties, densities of states (sections 12.2 and 21.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..nn.arrays import VJP, Array, Float, Int, array_namespace, take_rows
from ..nn.module import module
from ..nn.roles import derived, static


@dataclass(frozen=True)
class Invariants:
    """The settings of a head of invariant values.

    alone: each value is one number, without an axis of components. scaled: values are multiplied by the deviation.
    """

    alone: bool = False
    scaled: bool = False

    def fold(self, bias: Array, deviation: Array) -> InvariantReadout:
        """Return the readout, each of whose arrays has the axes type and component."""
        rows = [array_namespace(x).reshape(x, (x.shape[0], -1)) for x in (bias, deviation)]
        return InvariantReadout(rows[0], rows[1] if self.scaled else None, self.alone)


@module
class InvariantReadout:
    """y = o σ + b, with the bias b and the deviation σ of the atom's type; σ is 1 if there is none."""

    rotates: ClassVar[bool] = False

    bias: Float[Array, "type output"] = derived(wide=True)
    scale: Float[Array, "type output"] | None = derived(wide=True)
    alone: bool = static()

    def vjp(self, o: Float[Array, "atom output"], rotation: None, types: Int[Array, "atom"]) -> VJP:
        xp = array_namespace(o)
        scale = None if self.scale is None else take_rows(self.scale, types)
        y = (o if scale is None else o * scale) + take_rows(self.bias, types)

        def pull_back(dy: Array) -> tuple[Array, None]:
            do = xp.reshape(dy, o.shape)
            return (do if scale is None else do * scale), None

        return (y[:, 0] if self.alone else y), pull_back
