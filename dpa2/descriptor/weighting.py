"""Weights of neighbours in sums and softmaxes: the two branches of `smooth` (specification sections 8.4-8.6).

Smooth: by its switch value, which vanishes at the cutoff; sums are divided by the number of slots that the model
provides, and slots without a neighbour still take part in the softmax (section 9.5).
Counted: each neighbour alike; sums are divided by the number of neighbours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..nn.arrays import VJP, Array, Float, array_namespace

SHIFT = 20.0  # the shift c of attention logits (section 3.5)
PROTECTION = 1e-4  # ε, added to counts of neighbours that are divided by (section 3.5)

Scales = tuple[Array, Array]  # factors (atom, 1) of the symmetrisation and of the convolution
LogitsVJP = tuple[tuple[Array, Array], Callable[[Array, Array], Array]]  # (scale, offset), and the pullback of both


@dataclass(frozen=True)
class Weighting:
    """The parts that the smooth and the counted weighting have in common."""

    max_neighbors: int
    root: bool

    def pair_vjp(self, switch: Float[Array, "atom neighbor"]) -> VJP:
        """ω_a ω_b of every two neighbours of an atom, and the pullback to ω."""
        pair = switch[:, :, None] * switch[:, None, :]
        return pair, lambda dpair: ((dpair + dpair.mT) @ switch[..., None])[..., 0]

    def softmax_vjp(self, logits: Float[Array, "*axes"], axis: int = -1) -> VJP:
        """α over an axis of slots, stored or not, and its pullback."""
        return softmax_vjp(logits, self.phantoms(logits.shape[axis]), axis)

    def phantoms(self, width: int) -> int:
        """Return the number of slots that are not stored and enter a softmax with ℓ = -c: here 0."""
        return 0


@dataclass(frozen=True)
class Smooth(Weighting):
    """Neighbours count by their switch value."""

    def switch_vjp(self, switch: Float[Array, "atom neighbor"], occupied: Float[Array, "atom neighbor"]) -> VJP:
        """ω, and the pullback to the switch."""
        return switch * occupied, lambda dswitch: dswitch * occupied

    def scales(self, occupied: Float[Array, "atom neighbor"]) -> Scales:
        """η of the symmetrisation and of the convolution (8.4, 8.5), to be multiplied with (atom, ...) arrays."""
        one = 1.0 + 0.0 * occupied[:, :1]
        return one / (self.max_neighbors**0.5 if self.root else self.max_neighbors), one / self.max_neighbors

    def logits_vjp(self, weight: Float[Array, "*axes"]) -> LogitsVJP:
        """(scale, offset) such that ℓ = λ scale + offset = (λ + c) ω - c."""
        return (weight, SHIFT * (weight - 1.0)), lambda dscale, doffset: dscale + SHIFT * doffset

    def phantoms(self, width: int) -> int:
        """Return the number of slots that are not stored and take part in a softmax, each with ℓ = -c."""
        return self.max_neighbors - width


@dataclass(frozen=True)
class Counted(Weighting):
    """Every neighbour counts as one."""

    def switch_vjp(self, switch: Float[Array, "atom neighbor"], occupied: Float[Array, "atom neighbor"]) -> VJP:
        """ω, and the pullback to the switch."""
        return occupied, lambda dswitch: 0.0 * occupied

    def scales(self, occupied: Float[Array, "atom neighbor"]) -> Scales:
        """η of the symmetrisation and of the convolution; never a root in the latter (trap T10)."""
        n = array_namespace(occupied).sum(occupied, axis=1, keepdims=True)
        return 1.0 / (PROTECTION + (n**0.5 if self.root else n)), 1.0 / (PROTECTION + n)

    def logits_vjp(self, weight: Float[Array, "*axes"]) -> LogitsVJP:
        """(scale, offset) such that ℓ = λ on neighbours, and so negative in empty slots that α = 0."""
        xp = array_namespace(weight)
        never = float(xp.finfo(weight.dtype).max) / 4
        return (0.0 * weight + 1.0, never * (weight - 1.0)), lambda dscale, doffset: 0.0 * weight


def softmax_vjp(logits: Float[Array, "*axes"], phantoms: int, axis: int = -1) -> VJP:
    """eˡ / (Σ eˡ + phantoms e⁻ᶜ), the sum over an axis of slots, and its pullback."""
    xp = array_namespace(logits)
    top = xp.ceil(xp.max(logits, axis=axis, keepdims=True))  # ceil: constant, so the maximum needs no pullback
    if phantoms > 0:
        top = xp.clip(top, -SHIFT, None)
    e = xp.exp(logits - top)
    total = xp.sum(e, axis=axis, keepdims=True)
    if phantoms:
        total = total + phantoms * xp.exp(-SHIFT - top)
    alpha = e / total

    def pull_back(dalpha: Array) -> Array:
        share = alpha * dalpha
        return share - alpha * xp.sum(share, axis=axis, keepdims=True)

    return alpha, pull_back
