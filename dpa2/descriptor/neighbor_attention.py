"""Gated self-attention among an atom's neighbours, inside repinit (specification section 17)."""

from __future__ import annotations

from collections.abc import Callable

from ..nn.arrays import VJP, Array, Float, Pullback, array_namespace
from ..nn.layers import LayerNorm, Linear
from ..nn.module import module, static
from .environment import EnvironmentRows
from .weighting import Counted, Smooth


@module
class NeighborAttention:
    """x ← LN(x + softmax(q kᵀ) [∘ v̂ v̂ᵀ] v W), every slot attending to those of the same atom."""

    input: Linear
    output: Linear
    norm: LayerNorm
    scale: float = static()
    normalize: bool = static()
    angular_gate: bool = static()
    weighting: Smooth | Counted = static()

    def vjp(
        self,
        x: Float[Array, "atom slot channel"],
        switch: Float[Array, "atom slot"],
        angle: Float[Array, "atom slot slot"],
    ) -> tuple[Array, Callable[[Array], tuple[Array, Array, Array]]]:
        """The new x; `switch` is ω (atom, slot), `angle` is v̂ v̂ᵀ. `pull(dx)` gives (dx, dswitch, dangle)."""
        xp = array_namespace(x)
        parts, pulls = self.input_vjp(x)
        q, k, v = parts
        pair, pull_pair = self.weighting.pair_vjp(switch)
        (factor, offset), pull_logits = self.weighting.logits_vjp(pair)
        raw = self.scale * (q @ k.mT)
        alpha, pull_softmax = self.weighting.softmax_vjp(raw * factor + offset)
        gate = pair * angle if self.angular_gate else pair
        y, pull_norm = self.norm.vjp(x + self.output((alpha * gate) @ v))

        def pull_back(dy: Array) -> tuple[Array, Array, Array]:
            dsum = pull_norm(dy)
            do = dsum @ self.output.weight.T
            dmap, dv = do @ v.mT, (alpha * gate).mT @ do
            dgate = dmap * alpha
            dlogits = pull_softmax(dmap * gate)
            dpair = pull_logits(dlogits * raw, dlogits) + (dgate * angle if self.angular_gate else dgate)
            draw = self.scale * dlogits * factor
            dparts = [pull(d) for pull, d in zip(pulls, (draw @ k, draw.mT @ q, dv), strict=True)]
            dx = dsum + xp.concat(dparts, axis=-1) @ self.input.weight.T
            return dx, pull_pair(dpair), dgate * pair if self.angular_gate else 0.0 * dgate

        return y, pull_back

    def input_vjp(self, x: Float[Array, "atom slot channel"]) -> tuple[list[Array], list[Pullback]]:
        """Queries, keys and values, each of unit length if so wished."""
        xp = array_namespace(x)
        parts, third = self.input(x), self.input.weight.shape[1] // 3
        parts = [parts[..., n * third : (n + 1) * third] for n in range(3)]
        if not self.normalize:
            return parts, [lambda d: d] * 3
        lengths = [xp.sqrt(xp.sum(p * p, axis=-1, keepdims=True)) for p in parts]
        units = [p / n for p, n in zip(parts, lengths, strict=True)]
        return units, [unit_pull(u, n) for u, n in zip(units, lengths, strict=True)]


def unit_pull(unit: Float[Array, "*axes x"], length: Float[Array, "*axes 1"]) -> Pullback:
    """Pullback of p → p / |p|."""
    xp = array_namespace(unit)
    return lambda d: (d - unit * xp.sum(d * unit, axis=-1, keepdims=True)) / length


def directions_vjp(rows: Float[Array, "atom slot 4"]) -> VJP:
    """v̂ v̂ᵀ (atom, slot, slot) of the rows' angular parts, and the pullback to the rows."""
    xp = array_namespace(rows)
    v = rows[..., 1:]
    length = xp.sqrt(xp.clip(xp.sum(v * v, axis=-1, keepdims=True), 1e-24, None))  # √ has no slope at 0
    unit = v / length

    def pull_back(dangle: Array) -> Array:
        dv = unit_pull(unit, length)((dangle + dangle.mT) @ unit)
        return xp.concat([xp.zeros_like(dv[..., :1]), dv], axis=-1)

    return unit @ unit.mT, pull_back


def attention_vjp(
    layers: tuple[NeighborAttention, ...], g: Float[Array, "channel atom slot"], slots: EnvironmentRows
) -> tuple[Array, Callable[[Array], tuple[Array, Array | None, Array | None]]]:
    """All layers on the embedding of the neighbours; `pull(dg)` gives (dg, drows, dswitch), or (dg, None, None)."""
    if not layers:
        return g, lambda dg: (dg, None, None)
    xp = array_namespace(g)
    switch, pull_switch = layers[0].weighting.switch_vjp(slots.switch, slots.occupied)
    angle, pull_angle = directions_vjp(slots.rows)
    x, pulls = xp.permute_dims(g, (1, 2, 0)), []
    for layer in layers:
        x, pull = layer.vjp(x, switch, angle)
        pulls.append(pull)

    def pull_back(dg: Array) -> tuple[Array, Array, Array]:
        dx, dswitches, dangles = xp.permute_dims(dg, (1, 2, 0)), 0.0, 0.0
        for pull in reversed(pulls):
            dx, dswitch, dangle = pull(dx)
            dswitches, dangles = dswitches + dswitch, dangles + dangle
        return xp.permute_dims(dx, (2, 0, 1)), pull_angle(dangles), pull_switch(dswitches)

    return xp.permute_dims(x, (2, 0, 1)), pull_back
