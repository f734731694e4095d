"""Sums over the rows of chunks: from rows and edges to atoms and systems."""

from __future__ import annotations

from collections.abc import Callable

from ..nn.arrays import Array, Float, Int, take_rows
from ..nn.module import module
from ..nn.roles import static


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
