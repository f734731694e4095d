"""Neighbours of one atom attend to each other, gated by their angle (specification sections 8.6 and 8.7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ..nn.arrays import VJP, Array, Float, MaybeNone, array_namespace
from ..nn.building import below
from ..nn.layers import LayerNorm, centered
from ..nn.module import module
from ..nn.record import Intermediate, record
from ..nn.roles import Normal, Scaled, parameter, static
from .features import Features, Sums, UpdateVJP
from .local_attention import merge, output_fans, side_by_side
from .term import Term, TermContext
from .weighting import Counted, Smooth

ReaderVJP = tuple[Features, Callable[[Features], tuple[Array, Features]]]  # an update, and its pullback


def query_and_key_fans(attention: PairAttention) -> int:
    """Return fan-in plus fan-out of queries and keys, which files keep in one matrix."""
    heads, g, dim = attention.query.shape
    return g + heads * 2 * dim


def value_fans(attention: PairAttention) -> int:
    """Return fan-in plus fan-out of the values of all heads."""
    heads, g, _ = attention.value.shape
    return (1 + heads) * g


def mix_fans(attention: PairAttention) -> int:
    """Return fan-in plus fan-out of the shares of heads."""
    return attention.mix.shape[0] + 1


@module
class PairAttention(Term):
    """The weights of each head: query and key (g → attention), value and output (g → g), and its share in h."""

    name: ClassVar[str] = "pair_attention"
    intermediates = (
        Intermediate("attn2_logits", "atom rf rf head", "8.6"),
        Intermediate("attn2_map", "atom rf rf head", "8.6"),
        Intermediate("g2_attn", "atom rf g", "8.6"),
        Intermediate("h2_attn", "atom rf 3", "8.7"),
    )

    query: Float[Array, "head g attention"] = parameter(Scaled(query_and_key_fans))
    key: Float[Array, "head g attention"] = parameter(Scaled(query_and_key_fans))
    value: Float[Array, "head g g"] | MaybeNone = parameter(Scaled(value_fans))
    output: Float[Array, "head g g"] | MaybeNone = parameter(Scaled(output_fans))
    bias: Float[Array, "g"] | MaybeNone = parameter(Normal())
    norm: LayerNorm | None
    mix: Float[Array, "head"] | MaybeNone = parameter(Scaled(mix_fans))
    gate: bool = static()
    weighting: Smooth | Counted = static()

    @classmethod
    def exists(cls, settings: Any, last: bool) -> bool:
        return (settings.pair_attention or settings.frame_attention) and not last

    @property
    def updated(self) -> tuple[str, ...]:  # type: ignore[override]
        """The representations that read the attention map."""
        return ("pair",) * (self.value is not None) + ("direction",) * (self.mix is not None)

    @classmethod
    def build(cls, context: TermContext) -> PairAttention:
        s, take = context.settings, context.take
        heads, g, dim, reads = s.pair_attention_heads, s.pair_dim, s.pair_attention_dim, s.pair_attention
        return cls(
            query=take("query", heads, g, dim),
            key=take("key", heads, g, dim),
            value=take("value", heads, g, g) if reads else None,
            output=take("output", heads, g, g) if reads else None,
            bias=take("bias", g) if reads else None,
            norm=LayerNorm.build(below(take, "norm"), g, s.norm_epsilon) if reads else None,
            mix=take("mix", heads) if s.frame_attention else None,
            gate=s.pair_attention_gate,
            weighting=context.weighting,
        )

    def fold(self, inputs: tuple = ()) -> PairUpdate:
        """Products of weights, as in local attention."""
        readers: list[PairReader | DirectionReader] = []
        if self.norm is not None:  # value, output, bias and norm come together
            mix = side_by_side(centered(self.value @ self.output))  # the norm subtracts the mean over channels
            readers.append(PairReader(mix, centered(self.bias), self.norm))
        if self.mix is not None:
            readers.append(DirectionReader(self.mix))
        attention = AttentionMap(side_by_side(merge(self.key, self.query)), self.gate, self.weighting)
        return PairUpdate(attention, tuple(readers))


@module
class AttentionMap:
    """M = softmax(ℓ) ω_a ω_b γ/√3, with γ = h_a · h_b; axes (atom, key, head, query).

    Keys come first, so that sums over them add whole rows of heads and queries. `score` is K Qᵀ/√d, head by head.
    """

    score: Float[Array, "g head_g"]
    gate: bool = static()
    weighting: Smooth | Counted = static()

    def vjp(self, x: Features) -> tuple[Float[Array, "atom key head query"], Callable[[Array], Features]]:
        """M, and the pullback to `Features`."""
        xp = array_namespace(x.pair)
        slots = x.pair.shape[1]
        gamma = x.direction @ x.direction.mT
        both, pull_both = self.weighting.pair_vjp(x.switch)
        (scale, offset), pull_logits = self.weighting.logits_vjp(both)
        factor = scale * gamma if self.gate else scale
        keys = of_each_head(x.pair @ self.score, x.pair.shape[2])
        raw = xp.reshape(keys @ x.pair.mT, (*x.pair.shape[:2], -1, slots))
        logits = raw * factor[:, :, None, :]
        logits += offset[:, :, None, :]
        alpha, pull_softmax = self.weighting.softmax_vjp(logits, axis=1)
        after, pull_after = self.after_vjp(both, gamma)
        after = after[:, :, None, :]
        attention = alpha * after
        record("attn2_logits", logits, (0, 3, 1, 2))
        record("attn2_map", attention, (0, 3, 1, 2))

        def pull_back(dmap: Array) -> Features:
            dboth, dgamma = pull_after(sum_of_heads(dmap * alpha))
            dlogits = pull_softmax(dmap * after)
            dfactor, doffset = sum_of_heads(dlogits * raw), sum_of_heads(dlogits)
            dgamma = dgamma + (dfactor * scale if self.gate else 0.0)
            dboth = dboth + pull_logits(dfactor * gamma if self.gate else dfactor, doffset)
            draw = xp.reshape(dlogits * factor[:, :, None, :], (*keys.shape[:2], slots))
            dkeys = xp.reshape(draw @ x.pair, (*x.pair.shape[:2], -1))
            return Features(
                pair=dkeys @ self.score.T + draw.mT @ keys,
                direction=(dgamma + dgamma.mT) @ x.direction,
                switch=pull_both(dboth),
            )

        return attention, pull_back

    def after_vjp(self, both: Float[Array, "atom key query"], gamma: Float[Array, "atom key query"]) -> VJP:
        """ω_a ω_b γ/√3, what the softmax is multiplied with; `pull` gives (dboth, dgamma)."""
        angle = gamma / 3.0**0.5
        return both * angle, lambda dafter: (dafter * angle, dafter * both / 3.0**0.5)


def of_each_head(projected: Float[Array, "atom key head_g"], channels: int) -> Float[Array, "atom key_head g"]:
    """Return the projections with a separate row for each key and head."""
    return array_namespace(projected).reshape(projected, (projected.shape[0], -1, channels))


def sum_of_heads(x: Float[Array, "atom key head query"]) -> Float[Array, "atom key query"]:
    """Σ_h, slice by slice, which NumPy does in half the time of a sum over a short axis."""
    first, *others = array_namespace(x).unstack(x, axis=2)
    total = 0.0 + first  # a copy, since it is added to in place
    for each in others:
        total += each
    return total


@module
class PairReader:
    """The update of g: LN(Σ_h M_h g V_h O_h + b), with V O and b centered."""

    mix: Float[Array, "g head_g"]
    bias: Float[Array, "g"]
    norm: LayerNorm

    def vjp(self, x: Features, attention: Float[Array, "atom neighbor head neighbor"]) -> ReaderVJP:
        """`Features` of the update; `pull` gives (dattention, dfeatures)."""
        xp = array_namespace(x.pair)
        values = of_each_head(x.pair @ self.mix, x.pair.shape[2])
        rows = xp.reshape(attention, (*values.shape[:2], -1))
        y, pull_norm = self.norm.centered_vjp(rows.mT @ values + self.bias)
        record("g2_attn", y)

        def pull_back(dy: Features) -> tuple[Array, Features]:
            dsum = pull_norm(dy.pair)
            dattention = xp.reshape(values @ dsum.mT, attention.shape)
            dvalues = xp.reshape(rows @ dsum, (*x.pair.shape[:2], -1))
            return dattention, Features(pair=dvalues @ self.mix.T)

        return Features(pair=y), pull_back


@module
class DirectionReader:
    """The update of h: Σ_h mix_h M_h h, equivariant because M is invariant."""

    mix: Float[Array, "head"]

    def vjp(self, x: Features, attention: Float[Array, "atom neighbor head neighbor"]) -> ReaderVJP:
        """`Features` of the update; `pull` gives (dattention, dfeatures)."""
        xp = array_namespace(x.direction)
        shares = self.mix[:, None]
        mixed = xp.sum(attention * shares, axis=2)
        y = mixed.mT @ x.direction
        record("h2_attn", y)

        def pull_back(dy: Features) -> tuple[Array, Features]:
            dmixed = x.direction @ dy.direction.mT
            return dmixed[:, :, None, :] * shares, Features(direction=mixed @ dy.direction)

        return Features(direction=y), pull_back


@module
class PairUpdate:
    """The updates of g and of h that read the same attention map."""

    attention: AttentionMap
    readers: tuple[PairReader | DirectionReader, ...]

    def vjp(self, x: Features, sums: Sums) -> UpdateVJP:
        attention, pull_attention = self.attention.vjp(x)
        updates, pulls = zip(*(reader.vjp(x, attention) for reader in self.readers), strict=True)

        def pull_back(dy: Features) -> Features:
            dattention, dx = pulls[0](dy)
            for pull in pulls[1:]:
                more, part = pull(dy)
                dattention, dx = dattention + more, dx + part
            return dx + pull_attention(dattention)

        return sum(updates, Features()), pull_back
