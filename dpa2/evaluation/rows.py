"""Sums over the rows of chunks: from rows and edges to atoms and systems."""

from __future__ import annotations

from collections.abc import Callable

from ..nn.arrays import Array, Float, Int, take_rows
from ..nn.module import module
from ..nn.roles import static


@module
class RowMap:
    """The map from rows of chunks to atoms and systems.

    near: the row of the neighbour of every edge of all chunks. system: the system of each row. inverse: the row of each
    atom. into_rows: `into_rows(values, rows, count)` sums the values that belong to the same row.
    """

    near: Int[Array, "edge"]
    system: Int[Array, "row"]
    inverse: Int[Array, "atom"]
    systems: int = static()
    into_rows: Callable = static()

    def flow(self, leaving: Float[Array, "row *rest"], arriving: Float[Array, "edge *rest"]):
        """Return the sums over the edges from each row less those over the edges to it."""
        return leaving - self.into_rows(arriving, self.near, leaving.shape[0])

    def totals(self, values: Float[Array, "row *rest"]) -> Float[Array, "system *rest"]:
        """Return the sums over the rows of each system."""
        return self.into_rows(values, self.system, self.systems)

    def unsorted(self, rows: Float[Array, "row *rest"]) -> Float[Array, "atom *rest"]:
        """Return rows of chunks as atoms of the systems, end to end."""
        return take_rows(rows, self.inverse)


def sum_over_rows(row_map: RowMap, energies: Float[Array, "row"], leaving, arriving, virial):
    """Return energies, forces and virials of systems, and the energies of atoms, from the sums of all chunks."""
    forces = row_map.unsorted(row_map.flow(leaving, arriving))
    return row_map.totals(energies), forces, row_map.totals(virial), row_map.unsorted(energies)
