"""Sums over the rows of chunks: from rows and edges to atoms and systems."""

from __future__ import annotations

from collections.abc import Callable

from ..nn.arrays import Array, Float, Int, take_rows
from ..nn.module import module
from ..nn.roles import static


@module
class RowMap:
    """Sums over edges and rows of all chunks, for atoms and for systems.

    near: the row of the neighbour of every edge. system: the system of each row. inverse: the row of each atom, systems
    end to end. systems: their number. remote: the number of rows of remote atoms, behind all others. into_rows:
    `Backend.sum_into_rows`. All are as long as `Backend.room` says.
    """

    near: Int[Array, "edge"]
    system: Int[Array, "row"]
    inverse: Int[Array, "atom"]
    systems: int = static()
    remote: int = static()
    into_rows: Callable = static()

    def flow(
        self, leaving: Float[Array, "row *rest"], arriving: Float[Array, "edge *rest"]
    ) -> tuple[Float[Array, "atom *rest"], Float[Array, "remote *rest"]]:
        """For each atom, its value in `leaving` less the sum of `arriving` over own edges that lead to it.

        Behind it comes that sum for each remote atom.
        """
        rows = leaving.shape[0]
        sums = self.into_rows(arriving, self.near, rows + self.remote)
        return self.unsorted(leaving - sums[:rows, ...]), sums[rows:, ...]

    def totals(self, values: Float[Array, "row *rest"]) -> Float[Array, "system *rest"]:
        """Return the sums over the rows of each system."""
        return self.into_rows(values, self.system, self.systems)

    def unsorted(self, rows: Float[Array, "row *rest"]) -> Float[Array, "atom *rest"]:
        """Values of rows in the order of atoms, systems end to end."""
        return take_rows(rows, self.inverse)


def sum_over_rows(
    row_map: RowMap,
    energies: Float[Array, "row"],
    leaving: Float[Array, "row 3"],
    arriving: Float[Array, "edge 3"],
    virial: Float[Array, "row 3 3"],
) -> tuple[Array, tuple[Array, Array], Array, Array]:
    """Energies of systems, forces, virials of systems, and energies of atoms, from the values of all chunks.

    Forces are those of own edges, on own and on remote atoms.
    """
    forces = row_map.flow(leaving, arriving)
    return row_map.totals(energies), forces, row_map.totals(virial), row_map.unsorted(energies)
