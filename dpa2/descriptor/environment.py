"""The environment matrix: what an atom sees of its neighbours (specification section 2)."""

from __future__ import annotations

from collections.abc import Callable

from ..nn.arrays import VJP, Array, Float, Int, array_namespace, take_rows
from ..nn.module import module
from ..nn.roles import Constant, static, statistic
from .switch import switch_vjp

RowsPullback = Callable[[Array, Array], Array]  # cotangents of rows and switch to that of the vectors
EnvironmentVJP = tuple[tuple[Array, Array], RowsPullback]  # (rows, switch), and the pullback of both


@module
class Neighborhood:
    """A block of atoms and, for each, its nearest neighbours within one cutoff.

    Slots that hold no neighbour, or an excluded one, have `occupied` 0; the vector of an empty slot is longer than
    any cutoff. `empty` counts the slots without a neighbour among all that the model provides, stored or not
    (π in section 9), and `filler` is the type that such slots pretend to have: that of the system's first atom.
    """

    types: Int[Array, "atom"]
    filler: Int[Array, "atom"]
    near_types: Int[Array, "atom neighbor"]
    vectors: Float[Array, "atom neighbor 3"]
    occupied: Float[Array, "atom neighbor"]
    empty: Float[Array, "atom"]


@module
class EnvironmentRows:
    """Rows of the environment matrix with what belongs to each: switch, type, and how many times it counts."""

    rows: Float[Array, "atom slot 4"]
    switch: Float[Array, "atom slot"]
    types: Int[Array, "atom slot"]
    occupied: Float[Array, "atom slot"]
    multiplicity: Float[Array, "atom slot"] | None


@module
class Environment:
    """The weights of an environment matrix: statistics of its rows for each type of the centre."""

    mean: Float[Array, "type 4"] = statistic(Constant(0.0))
    std: Float[Array, "type 4"] = statistic(Constant(1.0))
    cutoff: float = static()
    inner_cutoff: float = static()
    max_neighbors: int = static()
    protection: float = static()
    has_mean: bool = static()

    def fold(self) -> EnvironmentProgram:
        """The environment matrix with a last row of statistics for virtual atoms, which are not normalised."""
        xp = array_namespace(self.mean)
        zero = xp.zeros_like(self.mean[:1, :])
        return EnvironmentProgram(
            xp.concat([self.mean, zero]),
            xp.concat([self.std, zero + 1.0]),
            self.cutoff,
            self.inner_cutoff,
            self.max_neighbors,
            self.protection,
            self.has_mean,
        )


@module
class EnvironmentProgram:
    """R = ((s, s d/r) - mean) / std with s = w(r) / r, normalised by statistics of the centre's type."""

    mean: Float[Array, "types_and_virtual 4"]
    std: Float[Array, "types_and_virtual 4"]
    cutoff: float = static()
    inner_cutoff: float = static()
    max_neighbors: int = static()
    protection: float = static()
    has_mean: bool = static()

    def vjp(self, types: Int[Array, "atom"], vectors: Float[Array, "atom neighbor 3"]) -> EnvironmentVJP:
        """Rows (atom, neighbor, 4) and switch values (atom, neighbor); `pull(drows, dswitch)` gives dvectors."""
        xp = array_namespace(vectors)
        r = xp.sqrt(xp.sum(vectors * vectors, axis=-1))
        w, pull_w = self.switch_vjp(r)
        a = 1.0 / (r + self.protection)
        raw = xp.concat([(w * a)[..., None], (w * a * a)[..., None] * vectors], axis=-1)
        mean, std = take_rows(self.mean, types)[:, None, :], take_rows(self.std, types)[:, None, :]

        def pull_back(drows: Array, dswitch: Array) -> Array:
            draw = drows / std
            radial, angular = draw[..., 0], draw[..., 1:]
            along = xp.sum(angular * vectors, axis=-1)
            dw = dswitch + a * radial + a * a * along
            da = w * radial + 2.0 * w * a * along
            dr = pull_w(dw) - a * a * da
            return (w * a * a)[..., None] * angular + (dr / r)[..., None] * vectors

        return ((raw - mean) / std, w), pull_back

    def switch_vjp(self, r: Float[Array, "*axes"]) -> VJP:
        """Return the switch at distance `r`, and the pullback."""
        return switch_vjp(r, self.inner_cutoff, self.cutoff)

    def rows_vjp(self, hood: Neighborhood) -> tuple[EnvironmentRows, RowsPullback]:
        """`EnvironmentRows` of a neighbourhood, and the pullback from (drows, dswitch) to the vectors.

        Where the mean is not zero, one more slot stands for all empty ones and counts as often as there are such
        (section 9.1).
        """
        (rows, switch), pull = self.vjp(hood.types, hood.vectors)
        kept = hood.occupied
        slots = EnvironmentRows(rows * kept[..., None], switch * kept, hood.near_types, kept, None)
        width = kept.shape[1]

        def pull_back(drows: Array, dswitch: Array) -> Array:
            return pull(drows[:, :width, :] * kept[..., None], dswitch[:, :width] * kept)

        return (self.with_filler(slots, hood) if self.has_mean else slots), pull_back

    def with_filler(self, slots: EnvironmentRows, hood: Neighborhood) -> EnvironmentRows:
        """The same slots and the pseudo-neighbour: row -mean/std, switch 0, type of the system's first atom."""
        xp = array_namespace(slots.rows)
        mean, std = take_rows(self.mean, hood.types), take_rows(self.std, hood.types)
        none = xp.zeros_like(slots.switch[:, :1]) if slots.switch.shape[1] else xp.zeros_like(mean[:, :1])
        return EnvironmentRows(
            rows=xp.concat([slots.rows, (-mean / std)[:, None, :]], axis=1),
            switch=xp.concat([slots.switch, none], axis=1),
            types=xp.concat([slots.types, hood.filler[:, None]], axis=1),
            occupied=xp.concat([slots.occupied, none], axis=1),
            multiplicity=xp.concat([xp.ones_like(slots.switch), hood.empty[:, None]], axis=1),
        )
