"""Atoms worked on together: a chunk fits the processor's cache, whatever the size of the system.

There is one axis of atoms, whichever systems they belong to, and no ghost atoms: a neighbour is the row of an atom
and a vector to it. Rows are sorted so that atoms with similarly many neighbours share a chunk.
"""

from __future__ import annotations

from ..nn.arrays import Array, Float, Int, array_namespace
from ..nn.module import module, static
from .environment import Neighborhood
from .features import Links, Sums


@module
class Chunk:
    """A few atoms and their neighbours, nearest first, as wide as the widest of them needs.

    The lists of the three-body block and of the repformer are the leading columns; `used` is 1 where a slot holds a
    neighbour that the descriptor may see. `incoming` are the positions, in the repformer's edges of all chunks laid
    end to end, of the edges that lead to each atom, and `arriving` is 1 for each of them.
    """

    types: Int[Array, "atom"]
    filler: Int[Array, "atom"]
    near: Int[Array, "atom neighbor"]
    near_types: Int[Array, "atom neighbor"]
    vectors: Float[Array, "atom neighbor 3"]
    used: Float[Array, "atom neighbor"]
    repinit_count: Int[Array, "atom"]
    three_body_count: Int[Array, "atom"]
    repformer_count: Int[Array, "atom"]
    incoming: Int[Array, "atom edge"]
    arriving: Float[Array, "atom edge"]
    three_body_width: int = static()
    repformer_width: int = static()

    def nearest(self, width: int, count: Int[Array, "atom"], max_neighbors: int) -> Neighborhood:
        """The first `width` columns as the neighbourhood of a chunk that provides `max_neighbors` slots."""
        xp = array_namespace(self.vectors)
        slot = xp.cumulative_sum(xp.ones_like(self.near[:, :width]), axis=1)
        within = xp.astype(slot <= count[:, None], self.vectors.dtype)
        return Neighborhood(
            types=self.types,
            filler=self.filler,
            near_types=self.near_types[:, :width],
            vectors=self.vectors[:, :width, :],
            occupied=self.used[:, :width] * within,
            empty=max_neighbors - xp.astype(count, self.vectors.dtype),
        )

    def links(self, sums: Sums) -> Links:
        """Return the edges between the atoms of a chunk and their neighbours within the repformer's cutoff."""
        return Links(self.near[:, : self.repformer_width], self.incoming, self.arriving, sums)


def add_leading(wide: Float[Array, "atom neighbor 3"], narrow: Float[Array, "atom leading 3"]) -> Array:
    """wide, with `narrow` added to its leading columns."""
    width = narrow.shape[1]
    return array_namespace(wide).concat([wide[:, :width, :] + narrow, wide[:, width:, :]], axis=1)
