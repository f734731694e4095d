"""Mistakes in repinit, and in the inputs of embedding nets from types (specification section 5)."""

from __future__ import annotations

import dataclasses

import numpy as np

from ...descriptor.embedding import TypedEmbedding, TypedLinear
from ...descriptor.repinit import Repinit, RepinitProgram
from ...nn.layers import EmbeddingNet
from ...nn.module import recast
from .cause import Cause, at, chain, put, swap


class HalvesExchanged(EmbeddingNet):
    """A net on two types that takes them in the opposite order."""

    def vjp(self, x):
        return super().vjp(np.concatenate(np.split(x, 2)[::-1]))


class OwnTypeFirst:
    """A block whose nets take [s | E(own) | E(near)]; one whose nets take the near type alone is unchanged."""

    def fold(self, table):
        block = super(OwnTypeFirst, gate_exchanged(self, table)).fold(table)
        return dataclasses.replace(block, embedding=own_first(block.embedding))


class OwnTypeFirstInRepinit(OwnTypeFirst, Repinit):
    """Repinit whose nets take [s | E(own) | E(near)]."""


def gate_exchanged(block, table: np.ndarray):
    """Return a block whose gate, if it takes two types, takes them in the opposite order."""
    gate = block.type_gate
    if gate is None or gate.layers[0].weight.shape[0] == table.shape[1]:
        return block
    return dataclasses.replace(block, type_gate=recast(gate, HalvesExchanged))


def own_first(embedding: TypedEmbedding) -> TypedEmbedding:
    """Return a folded embedding that exchanges the two types, except in its gate."""
    skip = None if embedding.skip is None else exchanged(embedding.skip)
    return dataclasses.replace(embedding, linear=exchanged(embedding.linear), skip=skip)


def exchanged(linear: TypedLinear) -> TypedLinear:
    """Return a layer with the tables of the two types exchanged, if there are two."""
    if linear.own is None:
        return linear
    return dataclasses.replace(linear, near=linear.own, own=linear.near)


def table_transposed(embedding: TypedEmbedding) -> TypedEmbedding:
    """Return a folded embedding whose gate is looked up with the two types exchanged."""
    gate, n = embedding.gate, embedding.types
    if gate is None or gate.shape[1] == n:
        return embedding
    return dataclasses.replace(embedding, gate=gate.reshape(-1, n, n).swapaxes(1, 2).reshape(gate.shape))


class OneMissing(TypedEmbedding):
    """An embedding with q z in place of q + q z."""

    def gate_vjp(self, q, near, own, switch):
        g, pull = super().gate_vjp(q, near, own, switch)
        return (g if self.gate is None else g - q), pull


class ChannelFastest(RepinitProgram):
    """Repinit whose product is flattened with the channel fastest."""

    def product_vjp(self, x):
        flat, pull = super().product_vjp(x)
        return flat.reshape(len(x), -1, self.axis).swapaxes(1, 2).reshape(flat.shape), pull


class ThreeColumns(RepinitProgram):
    """Repinit whose product leaves out the radial column."""

    def product_vjp(self, x):
        return super().product_vjp(x[..., 1:])


class OtherCount(RepinitProgram):
    """Repinit with a mean over another number of slots."""

    def vjp(self, hood):
        environment = dataclasses.replace(self.environment, max_neighbors=self.count(hood))
        return super(OtherCount, dataclasses.replace(self, environment=environment)).vjp(hood)

    def count(self, hood):
        """Return the number by which sums are divided, for each atom or for all."""
        raise NotImplementedError


class CountOfNeighbors(OtherCount):
    """Repinit with a mean over all neighbours, excluded ones included."""

    def count(self, hood):
        return np.maximum(self.environment.max_neighbors - hood.empty, 1.0)[:, None, None]


class CountOfIncluded(OtherCount):
    """Repinit with a mean over the neighbours that are not excluded."""

    def count(self, hood):
        return np.maximum(hood.occupied.sum(axis=1), 1.0)[:, None, None]


class CountOfStored(OtherCount):
    """Repinit with a mean over the slots that are stored."""

    def count(self, hood):
        return hood.vectors.shape[1]


TABLE = "descriptor.initial.repinit.embedding"  # the path of the embedding with the folded gate
SWITCHED = (
    "descriptor.repinit.smooth",
    "descriptor.three_body.smooth",
)  # the settings that multiply gates with the switch

CAUSES = (
    Cause(
        "centre-first",
        "repinit: the centre's type before the neighbour's",
        "5, trap T7",
        weights=swap(Repinit, OwnTypeFirstInRepinit),
    ),
    Cause(
        "strip-table-transposed",
        "repinit, strip: the table is indexed neighbour first",
        "5, trap T7",
        program=at(TABLE, table_transposed),
    ),
    Cause(
        "strip-not-switched",
        "strip: the gate is not multiplied with the switch",
        "5",
        weights=chain(*(put(path, False) for path in SWITCHED)),
    ),
    Cause(
        "strip-not-switched-in-repinit",
        "repinit alone, strip: the gate is not multiplied with the switch",
        "5",
        weights=put(SWITCHED[0], False),
    ),
    Cause(
        "strip-not-switched-in-three-body",
        "three-body alone, strip: the gate is not multiplied with the switch",
        "5",
        weights=put(SWITCHED[1], False),
    ),
    Cause("strip-one-missing", "strip: q z in place of q + q z", "5", program=swap(TypedEmbedding, OneMissing)),
    Cause(
        "repinit-neighbors-for-slots",
        "repinit is divided by the number of neighbours, not by nsel",
        "5, trap T2",
        program=swap(RepinitProgram, CountOfNeighbors),
    ),
    Cause(
        "repinit-included-for-slots",
        "repinit is divided by the number of neighbours that are not excluded, not by nsel",
        "5, trap T2",
        program=swap(RepinitProgram, CountOfIncluded),
    ),
    Cause(
        "repinit-width-for-slots",
        "repinit is divided by the width of the list, not by nsel",
        "5, trap T2",
        program=swap(RepinitProgram, CountOfStored),
    ),
    Cause(
        "repinit-three-columns",
        "repinit: the radial column is left out of the product",
        "5, trap T4",
        program=swap(RepinitProgram, ThreeColumns),
    ),
    Cause(
        "repinit-flatten",
        "repinit: the product is flattened with the channel fastest",
        "5, trap T5",
        program=swap(RepinitProgram, ChannelFastest),
    ),
)
