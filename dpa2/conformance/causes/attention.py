"""Mistakes in local attention and in attention of pairs (specification sections 8.5 and 8.6)."""

from __future__ import annotations

import dataclasses

import numpy as np

from ...descriptor.local_attention import LocalAttention, LocalUpdate
from ...descriptor.pair_attention import AttentionMap, PairAttention
from ...descriptor.weighting import Counted, Smooth, Weighting, softmax_vjp
from ...nn.record import record
from .cause import Cause, Change, chain, each, put, swap
from .neighbors import kept

BOTH, LOCAL, PAIR = (LocalAttention, PairAttention), LocalAttention, PairAttention


class BesideZeros(Weighting):
    """A softmax in which all empty slots take part with a logit of 0."""

    def logits_vjp(self, weight):
        return (weight, 0.0 * weight), None

    def softmax_vjp(self, logits, axis=-1):
        return softmax_beside_zeros(logits, self.max_neighbors - logits.shape[axis], axis)


class Unshifted(BesideZeros, Smooth):
    """Logits ℓ = λ ω, without a shift."""


class MaskedLate(BesideZeros, Counted):
    """Logits ℓ = λ of neighbours and 0 of empty slots."""


def softmax_beside_zeros(logits: np.ndarray, zeros: int, axis: int):
    """Return a softmax over logits and a number of zeros, of which only the part of the logits is kept."""
    if not zeros:
        return softmax_vjp(logits, 0, axis)
    top = np.maximum(logits.max(axis=axis, keepdims=True), 0.0)
    e = np.exp(logits - top)
    return e / (e.sum(axis=axis, keepdims=True) + zeros * np.exp(-top)), None


def unshifted(kind) -> Change:
    """Return the change that removes the shift from the logits of a kind of attention."""
    return each(kind, swap(Smooth, Unshifted))


def masked_late(kind) -> Change:
    """Return the change that masks empty slots only after the softmax of a kind of attention."""
    return each(kind, swap(Counted, MaskedLate))


def unscaled(kind) -> Change:
    """Return the change that multiplies logits of a kind of attention by the root that divides them."""
    return each(kind, lambda a: dataclasses.replace(a, query=a.query * a.query.shape[-1] ** 0.5))


def heads_swapped(kind) -> Change:
    """Return the change that exchanges head and channel in the order of the rows of output matrices."""

    def changed(attention):
        if attention.output is None:
            return attention
        heads, channels, _ = attention.output.shape
        rows = attention.output.reshape(channels, heads, -1)
        return dataclasses.replace(attention, output=rows.swapaxes(0, 1))

    return each(kind, changed)


def in_halves(attention: PairAttention) -> PairAttention:
    """Return attention whose queries and keys are the two halves of the packed matrix, not interleaved."""
    heads, channels, dim = attention.query.shape
    packed = np.moveaxis(np.concatenate([attention.query, attention.key]), 0, 2).reshape(channels, 2, dim, heads)
    query, key = (np.moveaxis(packed[:, k], 2, 0) for k in range(2))
    return dataclasses.replace(attention, query=query, key=key)


class LocalSwitchedOnce(LocalUpdate):
    """Local attention that weights neighbours with α, not with α ω."""

    def heard_vjp(self, raw, weight):
        (factor, offset), _ = self.weighting.logits_vjp(weight)
        logits = raw * factor + offset
        alpha, _ = self.weighting.softmax_vjp(logits)
        record("attn1_logits", logits, (0, 2, 1))
        return alpha * (weight != 0.0), None


class PairSwitchedOnce(AttentionMap):
    """Attention maps α times the angle, without a switch."""

    def after_vjp(self, both, gamma):
        return super().after_vjp(both != 0.0, gamma)


class KeySwitchedAfter(AttentionMap):
    """Attention maps α times the angle and the switch of the key, whose square is on the diagonal."""

    def after_vjp(self, both, gamma):
        key = np.sqrt(np.diagonal(both, axis1=1, axis2=2))
        return super().after_vjp(key[:, :, None] * (both != 0.0), gamma)


class KeySwitched(Smooth):
    """A weighting of pairs by the switch of the key alone."""

    def pair_vjp(self, switch):
        return switch[:, :, None] * (switch[:, None, :] != 0.0), None


class AngleNotDivided(AttentionMap):
    """Attention maps α times ω_a ω_b γ, without the division by the root of 3."""

    def after_vjp(self, both, gamma):
        return both * gamma, None


class AngleWithGateOnly(AttentionMap):
    """Attention maps α times ω_a ω_b, without the angle unless there is a gate."""

    def after_vjp(self, both, gamma):
        return super().after_vjp(both, gamma) if self.gate else (both, None)


CAUSES = (
    Cause(
        "shift-missing",
        "logits are multiplied with the switch without the shift of 20",
        "8.5",
        weights=unshifted(BOTH),
    ),
    Cause(
        "shift-missing-local",
        "local attention alone: logits are multiplied with the switch without the shift of 20",
        "8.5",
        weights=unshifted(LOCAL),
    ),
    Cause(
        "shift-missing-pair",
        "pair attention alone: logits are multiplied with the switch without the shift of 20",
        "8.5",
        weights=unshifted(PAIR),
    ),
    Cause(
        "mask-after-softmax",
        "not smooth: empty slots are in the softmax with a logit of 0, and masked after it",
        "8.5",
        weights=masked_late(BOTH),
    ),
    Cause(
        "mask-after-softmax-local",
        "local attention alone: not smooth: empty slots are in the softmax with a logit of 0, and masked after it",
        "8.5",
        weights=masked_late(LOCAL),
    ),
    Cause(
        "mask-after-softmax-pair",
        "pair attention alone: not smooth: empty slots are in the softmax with a logit of 0, and masked after it",
        "8.5",
        weights=masked_late(PAIR),
    ),
    Cause(
        "attention-not-scaled",
        "logits are not divided by the root of the attention's width",
        "8.5",
        weights=unscaled(BOTH),
    ),
    Cause(
        "attention-not-scaled-local",
        "local attention alone: logits are not divided by the root of the attention's width",
        "8.5",
        weights=unscaled(LOCAL),
    ),
    Cause(
        "attention-not-scaled-pair",
        "pair attention alone: logits are not divided by the root of the attention's width",
        "8.5",
        weights=unscaled(PAIR),
    ),
    Cause(
        "local-switch-once",
        "local attention: the switch is not applied again after the softmax",
        "8.5, trap T12",
        weights=kept,
        program=swap(LocalUpdate, LocalSwitchedOnce),
    ),
    Cause(
        "local-heads-swapped",
        "`loc_attn.head_map`: rows taken with the head fastest",
        "8.5, trap T6",
        weights=heads_swapped(LOCAL),
    ),
    Cause(
        "pair-switch-once",
        "pair attention: the switch is not applied again after the softmax",
        "8.6, trap T12",
        weights=kept,
        program=swap(AttentionMap, PairSwitchedOnce),
    ),
    Cause(
        "pair-one-switch",
        "pair attention: the switch of the key alone, not of both neighbours",
        "8.6, trap T12",
        weights=chain(kept, each(PAIR, swap(Smooth, KeySwitched))),
    ),
    Cause(
        "pair-one-switch-after",
        "pair attention: after the softmax the switch of the key alone, not of both neighbours",
        "8.6, trap T12",
        weights=kept,
        program=swap(AttentionMap, KeySwitchedAfter),
    ),
    Cause(
        "gate-ignored",
        "`attn2_has_gate` is ignored: logits are not multiplied with the angle",
        "8.6, trap T11",
        config=put("repformer.pair_attention_gate", False),
    ),
    Cause(
        "angle-not-divided",
        "the angle after the softmax is not divided by the root of 3",
        "8.6, trap T11",
        program=swap(AttentionMap, AngleNotDivided),
    ),
    Cause(
        "angle-missing",
        "without a gate the angle is left out after the softmax, too",
        "8.6, trap T11",
        program=swap(AttentionMap, AngleWithGateOnly),
    ),
    Cause(
        "pair-heads-swapped",
        "`attn2_mh_apply.head_map`: rows taken with the head slowest",
        "8.6, trap T6",
        weights=heads_swapped(PAIR),
    ),
    Cause(
        "query-key-halves",
        "`attn2g_map.mapqk`: cut in halves, not interleaved",
        "8.6, trap T6",
        weights=each(PAIR, in_halves),
    ),
)
