"""repinit: an atom's first representation, from the types and the geometry around it (specification section 5)."""

from __future__ import annotations

from collections.abc import Callable

from ..nn.arrays import VJP, Array, Float, Int, array_namespace
from ..nn.layers import EmbeddingNet
from ..nn.module import module, static
from ..nn.record import record, scope
from .embedding import TypedEmbedding, fold_embedding
from .environment import Environment, EnvironmentProgram, EnvironmentRows, Neighborhood
from .neighbor_attention import NeighborAttention, attention_vjp
from .tables import Tables, other_type_slow

SumVJP = tuple[Array, Callable[[Array], tuple[Array, Array, Array]]]  # X, and the pullback to (R, rows, switch)


@module
class Repinit:
    """The weights of repinit."""

    environment: Environment
    embedding: EmbeddingNet
    type_gate: EmbeddingNet | None
    attention: tuple[NeighborAttention, ...]
    axis: int = static()
    smooth: bool = static()
    tables: Tables | None = None

    def fold(self, table: Float[Array, "type embedding"]) -> RepinitProgram:
        """The block ready to run, with the type embedding `table` folded into its nets."""
        embedding = fold_embedding(self.embedding, self.type_gate, table, self.smooth)
        if self.tables is not None:
            embedding = self.tables.fold(embedding)
        if embedding.gate is not None:
            record_gate(embedding.gate, embedding.types)
        return RepinitProgram(self.environment.fold(), embedding, self.attention, self.axis)


@module
class RepinitProgram:
    """D = (1/S²) G Rᵀ (G Rᵀ)[:axis]ᵀ, with G the embedding of every neighbour and R its environment row."""

    environment: EnvironmentProgram
    embedding: TypedEmbedding
    attention: tuple[NeighborAttention, ...]
    axis: int = static()

    def vjp(self, hood: Neighborhood) -> VJP:
        """The two-body descriptor (atom, channel · axis), and the pullback to the vectors."""
        slots, pull_rows = self.environment.rows_vjp(hood)
        share = 1.0 / self.environment.max_neighbors
        if slots.multiplicity is not None:
            share = share * slots.multiplicity[..., None]
        record("repinit/sw", slots.switch)
        record("repinit/env_mat", slots.rows)
        x, pull_x = self.sum_vjp(slots, hood.types, slots.rows * share)
        d, pull_d = self.product_vjp(x)
        record("repinit/gr", x)
        record("repinit/grrg", d)

        def pull_back(dd: Array) -> Array:
            dcounted, drows, dswitch = pull_x(pull_d(dd))
            return pull_rows(dcounted * share + drows, dswitch)

        return d, pull_back

    def sum_vjp(self, slots: EnvironmentRows, own: Int[Array, "atom"], counted: Float[Array, "atom slot 4"]) -> SumVJP:
        """X = G R (atom, channel, 4); `pull(dX)` gives (dR, drows, dswitch), the rest by way of the embedding."""
        xp = array_namespace(counted)
        with scope("repinit/"):
            g, pull_g = self.embedding.vjp(slots.rows[..., 0], slots.types, own[:, None], slots.switch)
        g, pull_attention = attention_vjp(self.attention, g, slots)
        record("repinit/gg", g, (1, 2, 0))

        def pull_back(dx: Array) -> tuple[Array, Array, Array]:
            dg, *more = pull_attention(xp.permute_dims(dx @ counted.mT, (1, 0, 2)))
            ds, dswitch = pull_g(dg)
            drows = radial(ds)
            if self.attention:
                drows, dswitch = drows + more[0], dswitch + more[1]
            return xp.permute_dims(g, (1, 2, 0)) @ dx, drows, dswitch

        return xp.permute_dims(g, (1, 0, 2)) @ counted, pull_back

    def product_vjp(self, x: Float[Array, "atom channel column"]) -> VJP:
        """D = X X[:axis]ᵀ with the axis index fastest."""
        xp = array_namespace(x)
        leading = x[:, : self.axis, :]
        y = x @ leading.mT

        def pull_back(dflat: Array) -> Array:
            dy = xp.reshape(dflat, y.shape)
            dx = dy @ leading
            return xp.concat([dx[:, : self.axis, :] + dy.mT @ x, dx[:, self.axis :, :]], axis=1)

        return xp.reshape(y, (y.shape[0], -1)), pull_back


def radial(ds: Float[Array, "atom slot"]) -> Float[Array, "atom slot 4"]:
    """The cotangent of rows of which only the first column is used."""
    xp = array_namespace(ds)
    none = xp.zeros_like(ds)
    return xp.stack([ds, none, none, none], axis=-1)


def record_gate(gate: Float[Array, "channel pair"], types: int) -> None:
    """The strip table in the specification's order, the centre's type slow (trap T7)."""
    record("repinit/strip_table", other_type_slow(gate, types), (1, 0))
