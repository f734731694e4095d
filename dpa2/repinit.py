"""repinit: an atom's first representation, from the types and the geometry around it (specification section 5)."""

from __future__ import annotations

import dataclasses

from .arrays import Array, Float, array_namespace
from .embedding import TypedEmbedding, fold_embedding
from .environment import Environment, Neighborhood
from .layers import EmbeddingNet
from .module import module, static
from .neighbor_attention import NeighborAttention, linearize_attention
from .record import record, scope


@module
class Repinit:
    """D = (1/S²) G Rᵀ (G Rᵀ)[:axis]ᵀ, with G the embedding of every neighbour and R its environment row."""

    environment: Environment
    embedding: EmbeddingNet | TypedEmbedding
    type_gate: EmbeddingNet | None
    attention: tuple[NeighborAttention, ...]
    axis: int = static()
    smooth: bool = static()

    def fold(self, table) -> Repinit:
        """The same block with the type embedding `table` folded into its nets."""
        embedding = fold_embedding(self.embedding, self.type_gate, table, self.smooth)
        if embedding.gate is not None:
            record_gate(embedding)
        return dataclasses.replace(self, environment=self.environment.fold(), embedding=embedding, type_gate=None)

    def linearize(self, hood: Neighborhood):
        """The two-body descriptor (atom, channel · axis), and the pullback to the vectors."""
        xp = array_namespace(hood.vectors)
        slots, pull_slots = self.environment.linearize_slots(hood)
        rows = slots.rows
        with scope("repinit/"):
            g, pull_g = self.embedding.linearize(rows[..., 0], slots.types, hood.types[:, None], slots.weight)
        g, pull_attention = linearize_attention(self.attention, g, slots)
        record("repinit/sw", slots.weight)
        record("repinit/env_mat", rows)
        record("repinit/gg", g, (1, 2, 0))
        counted = rows if slots.multiplicity is None else rows * slots.multiplicity[..., None]
        d, pull_d = linearize_product(g, counted / self.environment.capacity, self.axis)

        def pull_back(dd):
            dg, drows = pull_d(dd)
            drows = drows / self.environment.capacity
            if slots.multiplicity is not None:
                drows = drows * slots.multiplicity[..., None]
            dg, drows_attention, dweight_attention = pull_attention(dg)
            ds, dweight = pull_g(dg)
            drows = xp.concat([drows[..., :1] + ds[..., None], drows[..., 1:]], axis=-1)
            if self.attention:
                drows, dweight = drows + drows_attention, dweight + dweight_attention
            return pull_slots(drows, dweight)

        return d, pull_back


def linearize_product(g: Float[Array, "channel atom slot"], rows: Float[Array, "atom slot 4"], axis: int):
    """X = G R, D = X X[:axis]ᵀ with the axis index fastest."""
    xp = array_namespace(g)
    x = xp.permute_dims(g, (1, 0, 2)) @ rows
    head = x[:, :axis, :]
    y = x @ head.mT
    flat = xp.reshape(y, (y.shape[0], -1))
    record("repinit/gr", x)
    record("repinit/grrg", flat)

    def pull_back(dflat):
        dy = xp.reshape(dflat, y.shape)
        dx = dy @ head
        dx = xp.concat([dx[:, :axis, :] + dy.mT @ x, dx[:, axis:, :]], axis=1)
        dg = xp.permute_dims(dx @ rows.mT, (1, 0, 2))
        return dg, xp.permute_dims(g, (1, 2, 0)) @ dx

    return flat, pull_back


def record_gate(embedding: TypedEmbedding):
    """The strip table in the specification's order, the centre's type slow (trap T7)."""
    xp = array_namespace(embedding.gate)
    n, gate = embedding.types, embedding.gate
    if gate.shape[1] != n:
        gate = xp.reshape(xp.permute_dims(xp.reshape(gate, (-1, n, n)), (0, 2, 1)), gate.shape)
    record("repinit/strip_table", gate, (1, 0))
