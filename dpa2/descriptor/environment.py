"""The environment matrix: what an atom sees of its neighbours (specification section 2)."""

from __future__ import annotations

import dataclasses

from ..nn.arrays import Array, Float, Int, array_namespace, take_rows
from ..nn.module import module, static
from .switch import linearize_switch


@module
class Neighborhood:
    """A block of atoms and, for each, its nearest neighbours within one cutoff.

    Slots that hold no neighbour, or an excluded one, have `occupied` 0; the vector of an empty slot is longer than
    any cutoff. `empty` counts the slots without a neighbour among all that the model provides, stored or not
    (π in section 9), and `filler` is the type that such slots pretend to have: that of the frame's first atom.
    """

    types: Int[Array, "atom"]
    filler: Int[Array, "atom"]
    near_types: Int[Array, "atom neighbor"]
    vectors: Float[Array, "atom neighbor 3"]
    occupied: Float[Array, "atom neighbor"]
    empty: Float[Array, "atom"]


@module
class Slots:
    """Rows of the environment matrix with what belongs to each: switch, type, and how many times it counts."""

    rows: Float[Array, "atom slot 4"]
    weight: Float[Array, "atom slot"]
    types: Int[Array, "atom slot"]
    occupied: Float[Array, "atom slot"]
    multiplicity: Float[Array, "atom slot"] | None


@module
class Environment:
    """R = ((s, s d/r) - mean) / std with s = w(r) / r, normalised by statistics of the centre's type."""

    mean: Float[Array, "type 4"]
    std: Float[Array, "type 4"]
    cutoff: float = static()
    inner_cutoff: float = static()
    capacity: int = static()
    protection: float = static()
    centered: bool = static()

    def fold(self) -> Environment:
        """With a last row for virtual atoms, which are not normalised."""
        xp = array_namespace(self.mean)
        zero = xp.zeros_like(self.mean[:1, :])
        return dataclasses.replace(self, mean=xp.concat([self.mean, zero]), std=xp.concat([self.std, zero + 1.0]))

    def linearize(self, types: Int[Array, "atom"], vectors: Float[Array, "atom neighbor 3"]):
        """Rows (atom, neighbor, 4) and switch values (atom, neighbor); `pull(drows, dweight)` gives dvectors."""
        xp = array_namespace(vectors)
        r = xp.sqrt(xp.sum(vectors * vectors, axis=-1))
        w, pull_w = linearize_switch(r, self.inner_cutoff, self.cutoff)
        a = 1.0 / (r + self.protection)
        raw = xp.concat([(w * a)[..., None], (w * a * a)[..., None] * vectors], axis=-1)
        mean, std = take_rows(self.mean, types)[:, None, :], take_rows(self.std, types)[:, None, :]

        def pull_back(drows, dweight):
            draw = drows / std
            radial, angular = draw[..., 0], draw[..., 1:]
            along = xp.sum(angular * vectors, axis=-1)
            dw = dweight + a * radial + a * a * along
            da = w * radial + 2.0 * w * a * along
            dr = pull_w(dw) - a * a * da
            return (w * a * a)[..., None] * angular + (dr / r)[..., None] * vectors

        return ((raw - mean) / std, w), pull_back

    def linearize_slots(self, hood: Neighborhood):
        """`Slots` of a neighbourhood, and the pullback from (drows, dweight) to the vectors.

        Where the mean is not zero, one more slot stands for all empty ones and counts as often as there are such
        (section 9.1).
        """
        (rows, weight), pull = self.linearize(hood.types, hood.vectors)
        kept = hood.occupied
        slots = Slots(rows * kept[..., None], weight * kept, hood.near_types, kept, None)
        width = kept.shape[1]

        def pull_back(drows, dweight):
            return pull(drows[:, :width, :] * kept[..., None], dweight[:, :width] * kept)

        return (self.with_filler(slots, hood) if self.centered else slots), pull_back

    def with_filler(self, slots: Slots, hood: Neighborhood) -> Slots:
        """The same slots and the pseudo-neighbour: row -mean/std, switch 0, type of the frame's first atom."""
        xp = array_namespace(slots.rows)
        mean, std = take_rows(self.mean, hood.types), take_rows(self.std, hood.types)
        none = xp.zeros_like(slots.weight[:, :1]) if slots.weight.shape[1] else xp.zeros_like(mean[:, :1])
        return Slots(
            rows=xp.concat([slots.rows, (-mean / std)[:, None, :]], axis=1),
            weight=xp.concat([slots.weight, none], axis=1),
            types=xp.concat([slots.types, hood.filler[:, None]], axis=1),
            occupied=xp.concat([slots.occupied, none], axis=1),
            multiplicity=xp.concat([xp.ones_like(slots.weight), hood.empty[:, None]], axis=1),
        )
