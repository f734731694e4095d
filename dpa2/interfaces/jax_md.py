"""A DPA-2 model in the conventions of JAX-MD: an energy function, and the neighbour lists that it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ..backends.pytrees import register_modules
from ..errors import require
from ..evaluation.motion import moved_too_far
from ..model.model import Model
from ..model.potential import Potential
from ..nn.arrays import Array
from ..nn.module import module
from .strain import slope_by_cell

jax: Any = require("jax", "jax-md")


@module
class NeighborList:
    """Neighbours in the form that JAX-MD passes on. did_buffer_overflow: whether they need more room: allocate anew."""

    potential: Potential
    did_buffer_overflow: Array

    def update(self, position: Array, **given: Any) -> NeighborList:
        """Return the list for other positions; can be compiled.

        It is searched anew when an atom has moved by a quarter of the skin: simulators move atoms, and then ask.
        """
        here, cell = placed(self.potential, position, given.get("box"), given.get("fractional", False))
        origin = self.potential.origin
        soon = moved_too_far(replace(origin, skin=0.5 * origin.skin), here, cell)
        potential = jax.lax.cond(soon, lambda it: it.update(here, cell), lambda it: it, self.potential)
        return NeighborList(potential, potential.stale(here, cell))


@dataclass(frozen=True)
class NeighborListFns:
    """allocate(position, box=None): makes a list on the host. update(position, neighbors): as `NeighborList.update`."""

    allocate: Callable[..., NeighborList]
    update: Callable[..., NeighborList]


def neighbor_list(
    model: Model, types: Any, box: Any = None, *, skin: float = 1.0, fractional_coordinates: bool = False
) -> tuple[NeighborListFns, Callable[..., Array]]:
    """Return (neighbor_fn, energy_fn), as the functions of `jax_md.energy` do.

    model: on JAX. types: of the atoms, names or indices. box: Å, a length, three lengths, or a matrix whose columns are
    the lattice vectors, as in JAX-MD; None for a cluster. skin: Å. fractional_coordinates: whether positions are in
    units of the lattice vectors, as with `jax_md.space.periodic_general`.

    `energy_fn(position, neighbor=neighbors, box=None)` is the energy, eV; NaN where the list does not suffice. Its
    gradient costs nothing more than the forces of the model. Positions may be moved back into the box.

    Raises `BackendError` for a model on another library; `allocate` raises the errors of `Model.potential`.

    >>> import jax, numpy as np, dpa2
    >>> from dpa2.interfaces.jax_md import neighbor_list
    >>> jax.config.update("jax_enable_x64", True)
    >>> neighbor_fn, energy_fn = neighbor_list(dpa2.load(dpa2.demo.MODEL, "jax"), ["O", "H"])
    >>> positions = np.array([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0]])
    >>> energy_fn(positions, neighbor=neighbor_fn.allocate(positions)).shape
    ()
    """
    model.require_backend("jax")
    model.require_energies("JAX-MD")
    fractional = fractional_coordinates

    def allocate(position: Array, box: Any = box, **unused: Any) -> NeighborList:
        cell = None if box is None else cell_of(box)
        here = position @ cell if fractional else position
        return NeighborList(model.potential(here, types, cell, skin=skin), jax.numpy.asarray(False))

    def update(position: Array, neighbors: NeighborList, box: Any = box, **unused: Any) -> NeighborList:
        return neighbors.update(position, box=box, fractional=fractional)

    def energy_fn(position: Array, neighbor: NeighborList, box: Any = box, **unused: Any) -> Array:
        return energy(neighbor.potential, *placed(neighbor.potential, position, box, fractional))

    return NeighborListFns(allocate, update), energy_fn


def cell_of(box: Any) -> Array:
    """Return lattice vectors as rows, from a box of JAX-MD."""
    box = jax.numpy.asarray(box)
    return box.T if box.ndim == 2 else jax.numpy.eye(3) * box


def placed(potential: Potential, position: Array, box: Any, fractional: bool) -> tuple[Array, Array]:
    """Return positions, Å, next to where the candidates were searched, and the cell."""
    origin = potential.origin
    cell = origin.cell if box is None else cell_of(box)
    position = position @ cell if fractional else position
    periodic = jax.numpy.asarray(potential.candidates.layout.grid.pbc)
    crossed = jax.numpy.rint((position - origin.positions) @ origin.inverse) * periodic
    return position - jax.lax.stop_gradient(crossed) @ cell, cell


@jax.custom_vjp
def energy(potential: Potential, positions: Array, cell: Array) -> Array:
    """Return the energy, whose derivatives are the forces and the virial of the model."""
    return potential(positions, cell).energy


def energy_and_slopes(potential: Potential, positions: Array, cell: Array) -> tuple[Array, tuple[Array, Array]]:
    """Return the energy, and its derivatives by positions and cell."""
    found = potential(positions, cell)
    return found.energy, (-found.forces, slope_by_cell(positions, cell, found.forces, found.virial))


def by_arguments(slopes: tuple[Array, Array], factor: Array) -> tuple:
    """Return the cotangents of the arguments of `energy`."""
    return None, factor * slopes[0], factor * slopes[1]


energy.defvjp(energy_and_slopes, by_arguments)
register_modules()
