"""An atom attends to its neighbours (specification section 8.5, local attention)."""

from __future__ import annotations

from typing import Any, ClassVar

from ..nn.arrays import VJP, Array, Float, array_namespace
from ..nn.module import module
from ..nn.record import Intermediate, record
from ..nn.roles import Normal, Scaled, parameter, static
from .features import Features, Sums, UpdateVJP
from .term import Term, TermContext
from .weighting import Counted, Smooth


def query_fans(attention: LocalAttention) -> int:
    """Return fan-in plus fan-out of the queries of all heads."""
    heads, f, dim = attention.query.shape
    return f + heads * dim


def key_and_value_fans(attention: LocalAttention) -> int:
    """Return fan-in plus fan-out of keys and values, which files keep in one matrix."""
    heads, f, dim = attention.key.shape
    return f + heads * (dim + f)


def output_fans(attention: Any) -> int:
    """Return fan-in plus fan-out of the outputs of all heads."""
    heads, channels, _ = attention.output.shape
    return (heads + 1) * channels


@module
class LocalAttention(Term):
    """The weights of each head: query and key (f → attention), value and output (f → f)."""

    name: ClassVar[str] = "local_attention"
    updated = ("atom",)
    intermediates = (
        Intermediate("attn1_logits", "atom rf head", "8.5"),
        Intermediate("attn1_weights", "atom rf head", "8.5"),
        Intermediate("g1_attn", "atom f", "8.5"),
    )

    query: Float[Array, "head f attention"] = parameter(Scaled(query_fans))
    key: Float[Array, "head f attention"] = parameter(Scaled(key_and_value_fans))
    value: Float[Array, "head f f"] = parameter(Scaled(key_and_value_fans))
    output: Float[Array, "head f f"] = parameter(Scaled(output_fans))
    bias: Float[Array, "f"] = parameter(Normal())
    weighting: Smooth | Counted = static()

    @classmethod
    def exists(cls, settings: Any, last: bool) -> bool:
        return settings.local_attention

    @classmethod
    def build(cls, context: TermContext) -> LocalAttention:
        s, take = context.settings, context.take
        heads, f, dim = s.attention_heads, s.atom_dim, s.attention_dim
        return cls(
            query=take("query", heads, f, dim),
            key=take("key", heads, f, dim),
            value=take("value", heads, f, f),
            output=take("output", heads, f, f),
            bias=take("bias", f),
            weighting=context.weighting,
        )

    def fold(self, inputs: tuple = ()) -> LocalUpdate:
        """Products of weights, so that nothing is projected per neighbour: λ = f_i (Q Kᵀ/√d) f_j, o = Σ α f_j V O."""
        score, mix = merge(self.query, self.key), self.value @ self.output
        return LocalUpdate(side_by_side(score), one_below_the_other(mix), self.bias, self.weighting)


def merge(query: Float[Array, "head x attention"], key: Float[Array, "head x attention"]) -> Float[Array, "head x x"]:
    """Q Kᵀ / √d for each head."""
    return query @ key.mT / query.shape[-1] ** 0.5


def side_by_side(m: Float[Array, "head x y"]) -> Float[Array, "x head*y"]:
    return array_namespace(m).reshape(array_namespace(m).permute_dims(m, (1, 0, 2)), (m.shape[1], -1))


def one_below_the_other(m: Float[Array, "head x y"]) -> Float[Array, "head*x y"]:
    return array_namespace(m).reshape(m, (-1, m.shape[2]))


@module
class LocalUpdate:
    """The update of f by attention, with merged matrices."""

    score: Float[Array, "f head_f"]
    mix: Float[Array, "head_f f"]
    bias: Float[Array, "f"]
    weighting: Smooth | Counted = static()

    def vjp(self, x: Features, sums: Sums) -> UpdateVJP:
        xp = array_namespace(x.atom)
        asked = xp.reshape(x.atom @ self.score, (x.atom.shape[0], -1, x.atom.shape[1]))
        raw = asked @ x.near.mT
        heard, pull_heard = self.heard_vjp(raw, x.switch[:, None, :])
        gathered = heard @ x.near
        y = xp.reshape(gathered, (x.atom.shape[0], -1)) @ self.mix + self.bias
        record("attn1_weights", heard, (0, 2, 1))
        record("g1_attn", y)

        def pull_back(dy: Array) -> Features:
            dgathered = xp.reshape(dy @ self.mix.T, gathered.shape)
            draw, dweight = pull_heard(dgathered @ x.near.mT)
            dasked = draw @ x.near
            dnear = heard.mT @ dgathered + draw.mT @ asked
            datom = xp.reshape(dasked, (dasked.shape[0], -1)) @ self.score.T
            return Features(atom=datom, near=dnear, switch=xp.sum(dweight, axis=1))

        return Features(atom=y), lambda dy: pull_back(dy.atom)

    def heard_vjp(self, raw: Float[Array, "atom head neighbor"], weight: Float[Array, "atom 1 neighbor"]) -> VJP:
        """α ω, what a head hears of each neighbour, from λ and ω; `pull` gives both cotangents, for each head."""
        (factor, offset), pull_logits = self.weighting.logits_vjp(weight)
        logits = raw * factor + offset
        alpha, pull_softmax = self.weighting.softmax_vjp(logits)
        record("attn1_logits", logits, (0, 2, 1))

        def pull_back(dheard: Array) -> tuple[Array, Array]:
            dlogits = pull_softmax(dheard * weight)
            return dlogits * factor, pull_logits(dlogits * raw, dlogits) + dheard * alpha

        return alpha * weight, pull_back
