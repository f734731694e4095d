"""Embedding nets of one number and two types, g(s; near, own), as repinit uses them (specification sections 5, 6).

There are few types, so everything that depends on types alone is a table, made once from the weights by
`fold_embedding`.
"""

from __future__ import annotations

from collections.abc import Callable

from ..nn.arrays import VJP, Array, Float, Int, array_namespace, like, within_bounds
from ..nn.layers import Dense, EmbeddingNet, activate
from ..nn.module import chain_vjp, module, static
from ..nn.record import record

GatedVJP = tuple[Array, Callable[[Array], tuple[Array, Array]]]  # g, and the pullback to s (or q) and to the switch


@module
class TypedLinear:
    """[s | E(near) | E(own)] W + b with the type parts as tables; channels first."""

    slope: Float[Array, "channel"]
    bias: Float[Array, "channel"] | None
    near: Float[Array, "channel type"] | None
    own: Float[Array, "channel type"] | None

    def __call__(self, s: Float[Array, "*axes"], near: Int[Array, "*near"], own: Int[Array, "*own"]) -> Array:
        y = stretch(self.slope, s.ndim) * s[None, ...]
        for table, types in ((self.near, near), (self.own, own)):
            y = y if table is None else y + take_columns(table, types)
        return y if self.bias is None else y + stretch(self.bias, s.ndim)

    def pull(self, dy: Float[Array, "channel point"]) -> Float[Array, "point"]:
        return self.slope @ dy


def stretch(v: Float[Array, "channel"], ndim: int) -> Array:
    """v with `ndim` axes of length one added behind."""
    return v[(slice(None),) + (None,) * ndim]


def take_columns(table: Float[Array, "channel type"], types: Int[Array, "*axes"]) -> Float[Array, "channel *axes"]:
    """table[:, types]"""
    xp = array_namespace(table)
    columns = xp.take(table, xp.reshape(types, (-1,)), axis=1, **within_bounds(xp.take))
    return xp.reshape(columns, (table.shape[0], *types.shape))


@module
class TypedEmbedding:
    """The embedding net of a block, folded: g(s; near, own), times 1 + ρ z(near, own) where types enter as a gate."""

    linear: TypedLinear
    skip: TypedLinear | None
    timestep: Float[Array, "first"] | None
    rest: tuple[Dense, ...]
    gate: Float[Array, "channel pair"] | None
    activation: str = static()
    switched: bool = static()
    types: int = static()

    def vjp(
        self, s: Float[Array, "*axes"], near: Int[Array, "..."], own: Int[Array, "..."], switch: Float[Array, "*axes"]
    ) -> GatedVJP:
        """g (channel, *axes); `near` and `own` are types whose shapes broadcast to that of s; `switch` is ρ.

        `pull(dg)` gives (ds, dswitch).
        """
        q, pull_net = self.net_vjp(s, near, own)
        g, pull_gate = self.gate_vjp(q, near, own, switch)

        def pull_back(dg: Array) -> tuple[Array, Array]:
            dq, dswitch = pull_gate(dg)
            return pull_net(dq), dswitch

        return g, pull_back

    def net_vjp(self, s: Float[Array, "*axes"], near: Int[Array, "..."], own: Int[Array, "..."]) -> VJP:
        """q (channel, *axes), which the types may gate; `pull(dq)` gives ds."""
        xp = array_namespace(s)
        x, pull_first = self.first_vjp(s, near, own)
        q, pull_rest = chain_vjp(self.rest, x)

        def pull_back(dq: Array) -> Array:
            dx = pull_rest(xp.reshape(dq, (dq.shape[0], -1)))
            return xp.reshape(pull_first(dx), s.shape)

        return xp.reshape(q, (q.shape[0], *s.shape)), pull_back

    def first_vjp(self, s: Float[Array, "*axes"], near: Int[Array, "..."], own: Int[Array, "..."]) -> VJP:
        """The first layer; it alone sees the types."""
        xp = array_namespace(s)
        z = self.linear(s, near, own)
        y, pull = activate(xp.reshape(z, (z.shape[0], -1)), self.activation, self.timestep)
        skip = self.skip
        if skip is None:
            return y, lambda dy: self.linear.pull(pull(dy))
        y = y + xp.reshape(skip(s, near, own), y.shape)
        return y, lambda dy: self.linear.pull(pull(dy)) + skip.pull(dy)

    def gate_vjp(
        self,
        q: Float[Array, "channel *axes"],
        near: Int[Array, "..."],
        own: Int[Array, "..."],
        switch: Float[Array, "*axes"],
    ) -> GatedVJP:
        """g = q (1 + ρ z); without a gate g = q."""
        xp = array_namespace(q)
        if self.gate is None:
            return q, lambda dg: (dg, xp.zeros_like(switch))
        table = take_columns(self.gate, near if self.gate.shape[1] == self.types else near * self.types + own)
        z = switch[None, ...] * table if self.switched else table
        record("gg_s", q, (1, 2, 0) if q.ndim == 3 else None)
        record("gg_t", z, (1, 2, 0) if q.ndim == 3 else None)

        def pull_back(dg: Array) -> tuple[Array, Array]:
            dswitch = xp.sum(dg * q * table, axis=0) if self.switched else xp.zeros_like(switch)
            return dg * (1.0 + z), dswitch

        return q * (1.0 + z), pull_back


def fold_embedding(
    net: EmbeddingNet, gate: EmbeddingNet | None, table: Float[Array, "type embedding"], switched: bool
) -> TypedEmbedding:
    """Fold the type embedding into a net: into its first layer (`concat`), or into a gate of its own (`strip`)."""
    first = net.layers[0]
    copies = [
        [float(i == j) for j in range(first.weight.shape[0])] * first.copies for i in range(first.weight.shape[0])
    ]
    return TypedEmbedding(
        linear=fold_linear(first.weight, first.bias, table),
        skip=fold_linear(like(copies, first.weight), None, table) if first.copies else None,
        timestep=first.timestep,
        rest=net.layers[1:],
        gate=None if gate is None else fold_gate(gate, table),
        activation=first.activation,
        switched=switched,
        types=table.shape[0],
    )


def fold_linear(
    weight: Float[Array, "fan_in channel"], bias: Float[Array, "channel"] | None, table: Float[Array, "type embedding"]
) -> TypedLinear:
    """The parts of a first layer: rows of W for s and then, as far as they reach, for the neighbour and the centre."""
    dim = table.shape[1]
    near = (table @ weight[1 : 1 + dim, :]).T if weight.shape[0] > 1 else None
    own = (table @ weight[1 + dim :, :]).T if weight.shape[0] > 1 + dim else None
    return TypedLinear(weight[0, :], bias, near, own)


def fold_gate(gate: EmbeddingNet, table: Float[Array, "type embedding"]) -> Float[Array, "channel pair"]:
    """The gate on every ordered pair of types, the neighbour's slow; or on every type, if it sees one only."""
    xp = array_namespace(table)
    n, dim = table.shape
    if gate.layers[0].weight.shape[0] == dim:
        return gate.vjp(table.T)[0]
    first = xp.broadcast_to(table[:, None, :], (n, n, dim))
    second = xp.broadcast_to(table[None, :, :], (n, n, dim))
    pairs = xp.reshape(xp.concat([first, second], axis=-1), (n * n, 2 * dim))
    return gate.vjp(pairs.T)[0]
