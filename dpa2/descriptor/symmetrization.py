"""Moments of neighbour features along the direction, and the invariants made of them (specification section 8.4)."""

from __future__ import annotations

from typing import Any, ClassVar

from ..nn.arrays import VJP, Array, Float, Pullback, array_namespace
from ..nn.module import module
from ..nn.record import Intermediate, record
from ..nn.roles import static
from .features import Features, InputVJP, Sums
from .term import Term, TermContext


def moment_vjp(
    direction: Float[Array, "atom neighbor 3"],
    switch: Float[Array, "atom neighbor"],
    x: Float[Array, "atom neighbor channel"],
    scale: Float[Array, "atom 1"],
) -> tuple[Float[Array, "atom 3 channel"], Pullback]:
    """H = η Σ_a h_a ⊗ ω_a x_a (atom, 3, channel); `pull(dH)` gives (ddirection, dswitch, dx)."""
    xp = array_namespace(x)
    factor = (switch * scale)[..., None]
    weighted = direction * factor
    moment = weighted.mT @ x

    def pull_back(dmoment: Array) -> tuple[Array, Array, Array]:
        dweighted = x @ dmoment.mT
        return dweighted * factor, xp.sum(dweighted * direction, axis=-1) * scale, weighted @ dmoment

    return moment, pull_back


@module
class Symmetrization(Term):
    """Invariants of a representation `of` the neighbours, an input of the merged update."""

    of: ClassVar[str]

    axis: int = static()

    @classmethod
    def build(cls, context: TermContext) -> Symmetrization:
        return cls(context.settings.axis)

    def vjp(self, x: Features, sums: Sums) -> InputVJP:
        moment, pull_moment = moment_vjp(x.direction, x.switch, getattr(x, self.of), sums.symmetrization)
        y, pull_y = self.invariants_vjp(moment)
        record(self.intermediates[0].name, y)

        def pull_back(dy: Array) -> Features:
            ddirection, dswitch, dx = pull_moment(pull_y(dy))
            return Features(direction=ddirection, switch=dswitch, **{self.of: dx})

        return y, pull_back

    def invariants_vjp(self, moment: Float[Array, "atom 3 channel"]) -> VJP:
        """(1/3) H[:, :axis]ᵀ H, flattened with the channel fastest."""
        xp = array_namespace(moment)
        leading = moment[:, :, : self.axis]
        y = leading.mT @ moment / 3.0

        def pull_back(dflat: Array) -> Array:
            dy = xp.reshape(dflat, y.shape) / 3.0
            dmoment = leading @ dy
            return xp.concat([dmoment[..., : self.axis] + moment @ dy.mT, dmoment[..., self.axis :]], axis=-1)

        return xp.reshape(y, (y.shape[0], -1)), pull_back


@module
class PairSymmetrization(Symmetrization):
    """Invariants of g."""

    name: ClassVar[str] = "pair_symmetrization"
    of: ClassVar[str] = "pair"
    intermediates = (Intermediate("g1_grrg", "atom axis*g", "8.4"),)

    @classmethod
    def exists(cls, settings: Any, last: bool) -> bool:
        return settings.pair_symmetrization

    @classmethod
    def width(cls, settings: Any) -> int:
        return settings.axis * settings.pair_dim


@module
class NeighborSymmetrization(Symmetrization):
    """Invariants of the neighbours' f."""

    name: ClassVar[str] = "neighbor_symmetrization"
    of: ClassVar[str] = "near"
    intermediates = (Intermediate("g1_drrd", "atom axis*f", "8.4"),)

    @classmethod
    def exists(cls, settings: Any, last: bool) -> bool:
        return settings.neighbor_symmetrization

    @classmethod
    def width(cls, settings: Any) -> int:
        return settings.axis * settings.atom_dim
