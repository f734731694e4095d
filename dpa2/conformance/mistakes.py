"""Pieces of the reference done otherwise, for the catalogue of causes. Arrays of NumPy."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from ..descriptor.weighting import Smooth, softmax_vjp
from ..nn.layers import Dense, EmbeddingNet

erf = np.vectorize(math.erf, otypes=[float])


def head_order_swapped(output: np.ndarray) -> np.ndarray:
    """The rows of an output matrix taken with the head fastest where it is slowest, or the other way round."""
    heads, channels, _ = output.shape
    return output.reshape(channels, heads, -1).swapaxes(0, 1)


def halves(query: np.ndarray, key: np.ndarray):
    """Queries and keys cut from the packed matrix as its two halves, not interleaved."""
    both = np.concatenate([query, key])
    heads, channels, dim = query.shape
    packed = np.moveaxis(both, 0, 2).reshape(channels, 2, dim, heads)
    return tuple(np.moveaxis(packed[:, k], 2, 0) for k in range(2))


def atoms_first(step, x, sums):
    """Updates of g and h that see f after its own update."""
    atoms = [u.vjp(x, sums) for u in step.updates]
    updates = [y for y, _ in atoms]
    new = step.atom.combine(x.atom, [u.atom for u in updates if u.atom is not None])
    later = dataclasses.replace(x, atom=new)
    again = [u.vjp(later, sums)[0] if y.atom is None else y for u, y in zip(step.updates, updates, strict=True)]
    return [(y, None) for y in again]


def without_statistics(environment):
    """An environment matrix that is not normalised."""
    return dataclasses.replace(environment, mean=0.0 * environment.mean, std=0.0 * environment.std + 1.0)


def without_mean(environment):
    """An environment matrix that is divided by dstd, but davg is not subtracted."""
    return dataclasses.replace(environment, mean=0.0 * environment.mean)


class WithoutSkip(Dense):
    """A layer without a skip connection."""

    copies = 0


def without_skip(layers) -> tuple[Dense, ...]:
    return tuple(WithoutSkip(d.weight, d.bias, d.timestep, d.activation) for d in layers)


def without_timestep(layers) -> tuple[Dense, ...]:
    return tuple(Dense(d.weight, d.bias, None, d.activation) for d in layers)


def of_layers(change, *nets: EmbeddingNet | None) -> list[EmbeddingNet | None]:
    """Embedding nets whose layers are changed; none where there is none."""
    return [net if net is None else EmbeddingNet(change(net.layers)) for net in nets]


def own_first(embedding):
    """A folded embedding with the input [s | E(own) | E(near)]."""
    linear, skip = (x if x is None or x.own is None else swapped(x) for x in (embedding.linear, embedding.skip))
    return dataclasses.replace(table_transposed(embedding), linear=linear, skip=skip)


def swapped(linear):
    return dataclasses.replace(linear, near=linear.own, own=linear.near)


def table_transposed(embedding):
    """A folded embedding whose gate on pairs of types is taken with the two exchanged."""
    gate, n = embedding.gate, embedding.types
    if gate is None or gate.shape[1] == n:
        return embedding
    return dataclasses.replace(embedding, gate=gate.reshape(-1, n, n).swapaxes(1, 2).reshape(gate.shape))


def share_of_others(multiplicity, width: int, max_neighbors: int):
    """What each ordered pair of two different slots counts in the mean over all S² pairs."""
    counted = np.ones((1, width)) if multiplicity is None else multiplicity
    return (counted[:, :, None] * counted[:, None, :] - np.eye(width) * counted[:, None, :]) / max_neighbors**2


def without_diagonal(kappa: np.ndarray, multiplicity) -> np.ndarray:
    """κ with zeros where both slots are the same neighbour; a slot that stands for many keeps what others have."""
    same = np.eye(kappa.shape[-1])
    if multiplicity is not None:
        same[-1, -1] = 0.0
    return kappa * (1.0 - same)


def softmax_of_neighbors(logits: np.ndarray, weight: np.ndarray, axis: int = -1):
    """A softmax over the slots that hold a neighbour."""
    return softmax_vjp(np.where(weight != 0.0, logits, -1e30), 0, axis)


def softmax_masked_late(logits: np.ndarray, weight: np.ndarray, weighting, axis: int = -1):
    """A softmax in which empty slots take part with a logit of 0, where they should not at all."""
    empty = weighting.max_neighbors - logits.shape[axis]
    if isinstance(weighting, Smooth):
        return softmax_vjp(logits, empty, axis)
    return softmax_beside_zeros(np.where(weight != 0.0, logits, 0.0), empty, axis)


def softmax_without_shift(logits: np.ndarray, weighting, axis: int = -1):
    """A softmax in which empty slots take part with a logit of 0, not of -20."""
    empty = weighting.phantoms(logits.shape[axis])
    softmax = softmax_beside_zeros if isinstance(weighting, Smooth) else softmax_vjp
    return softmax(logits, empty, axis)


def softmax_beside_zeros(logits: np.ndarray, zeros: int, axis: int):
    """A softmax over logits and so many zeros."""
    if not zeros:
        return softmax_vjp(logits, 0, axis)
    top = np.maximum(logits.max(axis=axis, keepdims=True), 0.0)
    e = np.exp(logits - top)
    return e / (e.sum(axis=axis, keepdims=True) + zeros * np.exp(-top)), None


def unshifted(offset: np.ndarray, weighting) -> np.ndarray:
    """What is added to logits: nothing, where it should be the shift."""
    return 0.0 * offset if isinstance(weighting, Smooth) else offset
