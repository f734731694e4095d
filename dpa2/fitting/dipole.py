"""Dipoles, which rotate with the atoms (specification section 21.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..nn.arrays import VJP, Array, Float, Int
from ..nn.module import module


@dataclass(frozen=True)
class Dipoles:
    """The settings of a head of dipoles, to which no output bias is added."""

    def fold(self, bias: Array, deviation: Array) -> DipoleReadout:
        """Return the readout."""
        return DipoleReadout()


@module
class DipoleReadout:
    """μ = o R"""

    rotates: ClassVar[bool] = True

    def vjp(self, o: Float[Array, "atom output"], rotation: Float[Array, "atom g 3"], types: Int[Array, "atom"]) -> VJP:
        def pull_back(dipole: Float[Array, "atom 3"]) -> tuple[Array, Array]:
            return (rotation @ dipole[:, :, None])[:, :, 0], o[:, :, None] * dipole[:, None, :]

        return (o[:, None, :] @ rotation)[:, 0, :], pull_back
