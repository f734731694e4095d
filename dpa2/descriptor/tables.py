"""Tables in place of nets: repinit's embedding as piecewise quintics, its gate by pairs of types.

A grid is (low, high, end of the table, fine step, coarse step, -1): intervals are fine up to `high`, then coarse.

Source: section 13 of the specification.
"""

from __future__ import annotations

from ..nn.activations import activation, curvature, key_of
from ..nn.arrays import VJP, Array, Float, Int, array_namespace, like, take_rows
from ..nn.layers import Dense, EmbeddingNet
from ..nn.module import module
from ..nn.roles import constant
from .embedding import TypedEmbedding, fold_gate
from .environment import Environment
from .switch import switch_vjp

TABULATED = ("tanh", "gelu", "relu", "relu6", "softplus", "sigmoid", "silu", "linear")
COARSE = 10.0  # ratio of the coarse step to the fine one (section 13)

Jet = tuple[Array, Array, Array]  # value, first and second derivative (channel, point)


def can_be_tabulated(name: str) -> bool:
    """Return whether section 13 has a table for nets with an activation."""
    return key_of(name) in TABULATED


@module
class Tables:
    """The weights that compression adds; without `coefficients` the gate alone is a table.

    Column 6 c + q of a row of `coefficients` belongs to power q of channel c. Rows of `types` have the centre's type
    slow.
    """

    types: Float[Array, "pair channel"] = constant()
    coefficients: Float[Array, "interval channel*6"] | None = constant()
    grid: Float[Array, "6"] | None = constant()

    def fold(self, net: TypedEmbedding) -> TypedEmbedding:
        """The embedding net with tables in its place."""
        xp = array_namespace(self.types)
        gate = other_type_slow(self.types.T, net.types)
        rest = {name: getattr(net, name) for name in TypedEmbedding.__dataclass_fields__} | {"gate": gate}
        if self.coefficients is None:
            return TypedEmbedding(**rest)
        powers = xp.reshape(self.coefficients, (self.coefficients.shape[0], -1, 6))
        return TabulatedEmbedding(**rest, powers=xp.permute_dims(powers, (0, 2, 1)), grid=self.grid)


def other_type_slow(gate: Float[Array, "channel pair"], types: int) -> Float[Array, "channel pair"]:
    """A gate on pairs of types with the other of the two slow; a gate on single types as it is."""
    if gate.shape[1] == types:
        return gate
    xp = array_namespace(gate)
    pairs = xp.reshape(gate, (-1, types, types))
    return xp.reshape(xp.permute_dims(pairs, (0, 2, 1)), gate.shape)


@module
class TabulatedEmbedding(TypedEmbedding):
    """q(s) by the quintic of the interval that s lies in; before and behind the table a straight line goes on."""

    powers: Float[Array, "interval 6 channel"]
    grid: Float[Array, "6"]

    def net_vjp(self, s: Float[Array, "*axes"], near: Int[Array, "..."], own: Int[Array, "..."]) -> VJP:
        xp = array_namespace(s)
        inside, interval, t = self.place(s)
        jet = powers_of(t) @ take_rows(self.powers, interval)
        value, slope = jet[..., 0, :], jet[..., 1, :]
        value = value + slope * (s - inside)[..., None]

        def pull_back(dq: Array) -> Array:
            return xp.sum(xp.permute_dims(dq, (*range(1, dq.ndim), 0)) * slope, axis=-1)

        return xp.permute_dims(value, (value.ndim - 1, *range(value.ndim - 1))), pull_back

    def place(self, s: Float[Array, "*axes"]) -> tuple[Array, Array, Array]:
        """s cut off at the ends of the table, its interval, and its distance from the start of that."""
        xp = array_namespace(s)
        low, high, end, fine, coarse = (self.grid[k] for k in range(5))
        first = xp.floor((high - low) / fine)  # the number of fine intervals
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


def make_tables(
    net: EmbeddingNet, gate: EmbeddingNet, table: Float[Array, "type embedding"], grid: Float[Array, "6"] | None = None
) -> Tables:
    """The tables of a gate on all types in `table` and, where a grid is given, of an embedding net."""
    rows = other_type_slow(fold_gate(gate, table), table.shape[0]).T
    return Tables(rows, None if grid is None else quintics(net, grid), grid)


def table_grid(environment: Environment, closest: float, step: float, extrapolate: float) -> Float[Array, "6"]:
    """The grid on which s lies as long as no neighbour is closer than `closest`: fine there, coarse behind."""
    low, high = ends(environment, closest)
    return like([low, high, extrapolate * high, step, COARSE * step, -1.0], environment.mean)


def ends(environment: Environment, closest: float) -> tuple[float, float]:
    """The whole numbers between which s lies as long as no neighbour is closer than `closest` Å.

    DeePMD-kit takes the widest of all four columns of the statistics, not of the radial one alone; so do we.
    """
    xp, mean, std = array_namespace(environment.mean), environment.mean, environment.std
    weight = float(switch_vjp(like(closest, mean), environment.inner_cutoff, environment.cutoff)[0])
    far, near = ((s - mean) / std for s in (0.0, weight / closest))
    return float(xp.min(xp.floor(far))), float(xp.max(xp.ceil(near)))


def quintics(net: EmbeddingNet, grid: Float[Array, "6"]) -> Float[Array, "interval channel*6"]:
    """Quintics with the value, slope and curvature of a net at both ends of each interval."""
    xp = array_namespace(grid)
    start, length = intervals(grid)
    (v, d, c), (v1, d1, c1) = jets(net, start), jets(net, start + length)
    rise = v1 - v
    powers = [
        v,
        d,
        c / 2,
        (20 * rise - (8 * d1 + 12 * d) * length - (3 * c - c1) * length**2) / (2 * length**3),
        (-30 * rise + (14 * d1 + 16 * d) * length + (3 * c - 2 * c1) * length**2) / (2 * length**4),
        (12 * rise - 6 * (d1 + d) * length + (c1 - c) * length**2) / (2 * length**5),
    ]
    rows = xp.permute_dims(xp.stack(powers, axis=-1), (1, 0, 2))
    return xp.reshape(rows, (rows.shape[0], -1))


def intervals(grid: Float[Array, "6"]) -> tuple[Float[Array, "interval"], Float[Array, "interval"]]:
    """The starts and the lengths of the intervals of a grid."""
    xp = array_namespace(grid)
    low, high, end, fine, coarse = (float(grid[k]) for k in range(5))
    first = int((high - low) / fine)
    count = int((high - low) / fine + (end - high) / coarse)
    index = xp.cumulative_sum(xp.broadcast_to(xp.ones_like(grid[:1]), (count,))) - 1.0
    is_fine = index < first
    start = xp.where(is_fine, low + fine * index, high + coarse * (index - first))
    return start, xp.where(is_fine, fine * xp.ones_like(index), coarse * xp.ones_like(index))


def jets(net: EmbeddingNet, s: Float[Array, "point"]) -> Jet:
    """Value, first and second derivative of a net of one number (channel, point), by the chain rule forwards."""
    xp = array_namespace(s)
    x = s[None, :]
    jet = x, xp.ones_like(x), xp.zeros_like(x)
    for layer in net.layers:
        jet = layer_jet(layer, *jet)
    return jet


def layer_jet(layer: Dense, x: Array, dx: Array, ddx: Array) -> Jet:
    """Value, first and second derivative of the output of a layer without a timestep, from those of its input."""
    xp = array_namespace(x)
    z, dz, ddz = (layer.weight.T @ a for a in (x, dx, ddx))
    z = z if layer.bias is None else z + layer.bias[:, None]
    y, pull = activation(layer.activation)(z)
    slope, bend = pull(xp.ones_like(z)), curvature(layer.activation)(z)
    skipped = (xp.concat([a] * layer.copies) if layer.copies else 0.0 for a in (x, dx, ddx))
    y, dy, ddy = (a + b for a, b in zip((y, slope * dz, bend * dz * dz + slope * ddz), skipped, strict=True))
    return y, dy, ddy
