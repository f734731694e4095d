"""From gradients of edges to forces and virials (specification sections 12.4 and 12.5).

g_e = ∂E/∂d_e of every directed edge gives all of them: F_k = Σ g (edges from k) - Σ g (edges to k), Ξ = -Σ g ⊗ d.
Sums are made in the precision of coordinates, whatever the precision of the model.
"""

from __future__ import annotations

from collections.abc import Callable

from ..nn.arrays import Array, Float, Int, array_namespace, flat, take_rows
from ..nn.module import module, static


@module
class RowMap:
    """How rows of chunks, and what edges bring them, become atoms and systems.

    near: for every edge of all chunks the row of the neighbour. system: of each row. inverse: the row of each atom.
    into_rows: `into_rows(values, rows, count)` sums what belongs to the same row.
    """

    near: Int[Array, "edge"]
    system: Int[Array, "row"]
    inverse: Int[Array, "atom"]
    systems: int = static()
    into_rows: Callable = static()

    def flow(self, leaving: Float[Array, "row *rest"], arriving: Float[Array, "edge *rest"]):
        """What leaves each row, less what arrives there."""
        return leaving - self.into_rows(arriving, self.near, leaving.shape[0])

    def totals(self, values: Float[Array, "row *rest"]) -> Float[Array, "system *rest"]:
        """The sums over the rows of each system."""
        return self.into_rows(values, self.system, self.systems)

    def unsorted(self, rows: Float[Array, "row *rest"]) -> Float[Array, "atom *rest"]:
        """Rows of chunks as atoms of the systems, end to end."""
        return take_rows(rows, self.inverse)


def sum_over_rows(row_map: RowMap, energies: Float[Array, "row"], leaving, arriving, virial):
    """Energies, forces and virials from what all chunks give, and the energies of atoms."""
    forces = row_map.unsorted(row_map.flow(leaving, arriving))
    return row_map.totals(energies), forces, row_map.totals(virial), row_map.unsorted(energies)


def share_out(gradient: Float[Array, "atom neighbor 3"], vectors, coordinates: Float[Array, "atom 3"]):
    """What edges of a chunk give to their own atoms, to their neighbours edge by edge, and to the virial: -Σ g ⊗ d.

    The first index of the virial is that of the force. Of the coordinates, only the precision matters here.
    """
    g, d = in_precision_of(coordinates, gradient), in_precision_of(coordinates, vectors)
    return array_namespace(g).sum(g, axis=1), flat(g), -(g.mT @ d)


def share_out_virial(gradient: Float[Array, "atom neighbor 3"], vectors, coordinates: Float[Array, "atom 3"]):
    """Σ F_p ⊗ r_p, image by image: what edges give to their own atoms, and to their neighbours edge by edge."""
    g, d = in_precision_of(coordinates, gradient)[..., None], in_precision_of(coordinates, vectors)
    own = coordinates[:, None, None, :]
    return array_namespace(g).sum(g * own, axis=1), flat(g * (own + d[:, :, None, :]))


def in_precision_of(wide: Array, x: Array) -> Array:
    """x in the precision of `wide`."""
    return x if x.dtype == wide.dtype else array_namespace(x).astype(x, wide.dtype)
