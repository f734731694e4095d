"""Polarizabilities, symmetric matrices that rotate with the atoms (specification section 21.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..nn.arrays import VJP, Array, Float, Int, array_namespace, like, take_rows
from ..nn.module import module
from ..nn.roles import derived

UNIT = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]


@dataclass(frozen=True)
class Polarizabilities:
    """The settings of a head of polarizabilities, the last two with a number for each type.

    diagonal: o is the diagonal of S, not all of it. shifted: a multiple of the unit matrix is added.
    """

    diagonal: bool
    shifted: bool
    scale: tuple[float, ...]
    constant: tuple[float, ...]

    def fold(self, bias: Array, deviation: Array) -> PolarizabilityReadout:
        """Return the readout; the shift is s (c + tr b / 3), with the constants c and the bias b (type, 9)."""
        scale, third_of_trace = like(self.scale, bias), (bias[:, 0] + bias[:, 4] + bias[:, 8]) / 3.0
        shift = scale * (like(self.constant, bias) + third_of_trace)
        readout = DiagonalReadout if self.diagonal else PolarizabilityReadout
        return readout(scale, shift if self.shifted else 0.0 * scale)


@module
class PolarizabilityReadout:
    """α = s Rᵀ S R + a 1, with S = ½ (M + Mᵀ), where o has the rows of M; s and a belong to the atom's type."""

    rotates: ClassVar[bool] = True

    scale: Float[Array, "type"] = derived(wide=True)
    shift: Float[Array, "type"] = derived(wide=True)

    def vjp(self, o: Float[Array, "atom output"], rotation: Float[Array, "atom g 3"], types: Int[Array, "atom"]) -> VJP:
        scale, shift = (take_rows(x, types)[:, None, None] for x in (self.scale, self.shift))
        mixed = scale * self.mixed(o, rotation)

        def pull_back(dy: Float[Array, "atom 3 3"]) -> tuple[Array, Array]:
            drotated = scale * (rotation @ (dy + dy.mT))
            return 0.5 * self.mixed_cotangent(drotated, rotation), self.mixed(o, drotated)

        return rotation.mT @ mixed + shift * like(UNIT, o), pull_back

    def mixed(self, o: Float[Array, "atom output"], x: Float[Array, "atom g 3"]) -> Float[Array, "atom g 3"]:
        """S x"""
        m = array_namespace(o).reshape(o, (o.shape[0], x.shape[1], x.shape[1]))
        return 0.5 * ((m + m.mT) @ x)

    def mixed_cotangent(self, y: Float[Array, "atom g 3"], x: Float[Array, "atom g 3"]) -> Float[Array, "atom output"]:
        """The cotangent of o for that of S x, which is y; the matrix y xᵀ is symmetric where this is called."""
        return array_namespace(y).reshape(y @ x.mT, (y.shape[0], -1))


@module
class DiagonalReadout(PolarizabilityReadout):
    """α = s Rᵀ diag(o) R + a 1"""

    def mixed(self, o: Float[Array, "atom output"], x: Float[Array, "atom g 3"]) -> Float[Array, "atom g 3"]:
        return o[:, :, None] * x

    def mixed_cotangent(self, y: Float[Array, "atom g 3"], x: Float[Array, "atom g 3"]) -> Float[Array, "atom output"]:
        return array_namespace(y).sum(y * x, axis=-1)
