"""Tables in place of nets: repinit's embedding as piecewise quintics, its gate by pairs of types.

Source: section 13 of the specification.
"""

from __future__ import annotations

from ..nn.arrays import Array, Float, array_namespace, take_rows
from ..nn.module import module
from ..nn.roles import constant
from .embedding import TypedEmbedding


@module
class Tables:
    """What compression adds to the weights; without `coefficients` the gate alone is a table.

    `grid` is (low, high, end of the table, fine step, coarse step, -1). Column 6 c + q of a row of `coefficients` is
    what channel c has at power q. Rows of `types` have the centre's type slow.
    """

    types: Float[Array, "pair channel"] = constant()
    coefficients: Float[Array, "interval channel*6"] | None = constant()
    grid: Float[Array, "6"] | None = constant()

    def fold(self, net: TypedEmbedding) -> TypedEmbedding:
        """The embedding net with tables in its place."""
        xp = array_namespace(self.types)
        n, gate = net.types, self.types.T
        if gate.shape[1] != n:  # where the folded gate has the neighbour's type slow
            gate = xp.reshape(xp.permute_dims(xp.reshape(gate, (-1, n, n)), (0, 2, 1)), gate.shape)
        rest = {name: getattr(net, name) for name in TypedEmbedding.__dataclass_fields__} | {"gate": gate}
        if self.coefficients is None:
            return TypedEmbedding(**rest)
        powers = xp.reshape(self.coefficients, (self.coefficients.shape[0], -1, 6))
        return TabulatedEmbedding(**rest, powers=xp.permute_dims(powers, (0, 2, 1)), grid=self.grid)


@module
class TabulatedEmbedding(TypedEmbedding):
    """q(s) by the quintic of the interval that s lies in; before and behind the table a straight line goes on."""

    powers: Float[Array, "interval 6 channel"] | None = None
    grid: Float[Array, "6"] | None = None

    def net_vjp(self, s: Float[Array, "*axes"], near, own):
        xp = array_namespace(s)
        inside, interval, t = self.place(s)
        jet = powers_of(t) @ take_rows(self.powers, interval)
        value, slope = jet[..., 0, :], jet[..., 1, :]
        value = value + slope * (s - inside)[..., None]

        def pull_back(dq):
            return xp.sum(xp.permute_dims(dq, (*range(1, dq.ndim), 0)) * slope, axis=-1)

        return xp.permute_dims(value, (value.ndim - 1, *range(value.ndim - 1))), pull_back

    def place(self, s: Float[Array, "*axes"]):
        """s as far as the table reaches, its interval, and how far into that it lies."""
        xp = array_namespace(s)
        low, high, end, fine, coarse = (self.grid[k] for k in range(5))
        first = xp.floor((high - low) / fine)  # how many intervals the fine part has
        inside = xp.minimum(xp.maximum(s, low), end)
        near, far = xp.floor((inside - low) / fine), first + xp.floor((inside - high) / coarse)
        k = xp.clip(xp.where(inside < high, near, far), 0.0, float(self.powers.shape[0] - 1))
        start = xp.where(inside < high, low + k * fine, high + (k - first) * coarse)
        return inside, xp.astype(k, xp.int64), inside - start


def powers_of(t: Float[Array, "*axes"]) -> Float[Array, "*axes 2 6"]:
    """1, t, … t⁵, and below them their slopes 0, 1, 2 t, … 5 t⁴."""
    xp = array_namespace(t)
    powers = [xp.ones_like(t), t, t * t]
    powers += [powers[2] * t, powers[2] * powers[2], powers[2] * powers[2] * t]
    slopes = [xp.zeros_like(t), *(float(q) * power for q, power in enumerate(powers[:5], start=1))]
    return xp.stack([xp.stack(powers, axis=-1), xp.stack(slopes, axis=-1)], axis=-2)
