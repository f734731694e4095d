"""A model as a function of the positions of one system's atoms, for simulations on the model's library and device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backends.protocol import Backend
from ..batching.moving import Candidates
from ..batching.plan import ChunkShape
from ..batching.widths import GrowingWidths
from ..evaluation.motion import Motion, Origin, evaluated, renewed, stale
from ..fitting.atomic_model import AtomicProgram
from ..fitting.head import Inputs
from ..neighbors import UNLIMITED, candidates
from ..neighbors.skin import checked_skin
from ..nn.arrays import Array, Float, MaybeNone
from ..nn.module import map_leaves, module, static
from ..structures.system import System
from .extrapolation import warn_of_extrapolation
from .potential_rows import inputs_of, layout_of, rows_of, search_of
from .preparation import check_system, list_neighbors, plan_of

if TYPE_CHECKING:
    from .model import Model


@module
class Potential:
    """Energy, forces and virial as a pure function of positions (and cell); made by `Model.potential`.

    On JAX it is a pytree, which `jit`, `grad`, `vmap` and `lax.scan` take as an argument; of a renewed one they need no
    new program while `renew` finds the shapes sufficient. On PyTorch it is differentiable by positions and cell.
    """

    program: AtomicProgram | MaybeNone
    candidates: Candidates
    origin: Origin
    inputs: Inputs
    accelerated: bool = static()
    source: Source = static()

    def __call__(self, positions: Float[Array, "atom 3"], cell: Float[Array, "3 3"] | None = None) -> Motion:
        """Return (energy, forces, virial) in eV, eV/Å and eV, as arrays of the model's library.

        positions: (N, 3), Å, continuous: no atom is moved back into the cell since the potential was made or renewed.
        cell: (3, 3), Å, rows are the lattice vectors; None for that of the potential.

        All are NaN where `stale` is true: nothing is left out in silence. No number is brought to the host.
        """
        return self.source.run(self, evaluated_by, positions, cell)

    def stale(self, positions: Float[Array, "atom 3"], cell: Float[Array, "3 3"] | None = None) -> Array:
        """Return (), whether an atom moved farther than half the skin, or has more neighbours than there is room."""
        return self.source.run(self, stale_in, positions, cell)

    def update(self, positions: Float[Array, "atom 3"], cell: Float[Array, "3 3"] | None = None) -> Potential:
        """Return the potential with new candidates for these positions, searched where the arrays are.

        Its arrays have the same shapes, so that a program can do it within a loop of steps. Where the candidates do not
        fit into them it is stale at once, its values are NaN, and `renew` makes room.
        """
        return self.source.updated(self, positions, cell)

    def renew(self, positions: Float[Array, "atom 3"], cell: Float[Array, "3 3"] | None = None) -> Potential:
        """Return the potential with new candidates for these positions.

        Raises `TooManyNeighbors` where an atom has more neighbours than the model holds, and the errors of `evaluate`.
        """
        return self.source.potential(*self.source.on_host(positions, self.origin.cell if cell is None else cell))


@dataclass(frozen=True, eq=False)
class Source:
    """The model and the system of a potential, and the shapes of earlier ones; makes potentials for positions."""

    model: Model
    system: System
    skin: float
    shape: ChunkShape
    widths: GrowingWidths

    @classmethod
    def of(cls, model: Model, system: System, skin: Any) -> Source:
        """Return the source for a checked system."""
        shape = model.worker.backend.shape
        widths = GrowingWidths(kinds=UNLIMITED if shape.width_cache is None else 2)
        shape = replace(shape, uniform=("repinit", "three_body"), width_cache=widths)  # the order is the repformer's
        return cls(model, system, checked_skin(skin), shape, widths)

    def run(self, it: Potential, function: Callable, positions: Array, cell: Array | None) -> Any:
        """Return `function(backend, potential, positions, cell)` in arrays of the model's library."""
        model, worker, cell = self.model, self.model.worker, it.origin.cell if cell is None else cell
        to_numpy = model.backend.to_numpy
        if worker is not model and not model.backend.transformed((positions, cell)):
            program = worker.fast_program if it.accelerated else worker.program
            there = replace(map_leaves(lambda _, x: to_numpy(x), replace(it, program=None)), program=program)
            found = self.placed(
                worker, there, function, *(to_numpy(model.backend.asarray(x)) for x in (positions, cell))
            )
            return map_arrays(model.backend.asarray, found)
        return self.placed(model, it, function, positions, cell)

    def updated(self, it: Potential, positions: Array, cell: Array | None) -> Potential:
        """Return the potential with candidates that are searched on the model's own library."""
        cell = it.origin.cell if cell is None else cell
        return self.placed(self.model, it, updated_by, *map(without_graph, (positions, cell)))  # type: ignore[no-any-return]

    def placed(self, model: Model, it: Potential, function: Callable, positions: Array, cell: Array) -> Any:
        """Return the value of a function on a model's own library."""
        backend = model.backend
        with backend.own_settings():
            given = (backend.asarray(x, backend.wide()) for x in (positions, cell))
            return backend.whole(function, (it, *given))

    def on_host(self, positions: Array, cell: Array) -> tuple[np.ndarray, np.ndarray]:
        """Return positions and cell as NumPy arrays."""
        backend = self.model.backend
        here, lattice = (np.array(backend.to_numpy(backend.asarray(x, backend.wide()))) for x in (positions, cell))
        return here, lattice

    def potential(self, positions: np.ndarray, cell: np.ndarray) -> Potential:
        """Return the potential with the candidates of these positions."""
        config, model = self.model.config, self.model
        given = replace(self.system, coordinates=positions, cell=None if self.system.cell is None else cell)
        system = check_system(config, given)
        found = list_neighbors(config, system)
        warn_of_extrapolation(model, [found])
        program = model.program_for([found])
        fast = model.acceleration if program is not model.program else None
        host = plan_of(config, self.shape, [system], [found])
        reach = host.cutoffs.repinit[0] + self.skin
        near = candidates(system, reach)
        search = search_of(system, reach, len(near.center))
        layout = layout_of(host, model.worker.backend, 0.0 if fast is None else fast.closest, *search)
        (slots,) = self.widths.widths_for("candidates", [int(np.bincount(near.center, minlength=1).max())], 8)
        atoms = rows_of(config, system, layout, max(slots, *layout.wide))
        rows, _ = atoms.with_pairs(near.center, near.neighbor, near.shift, atoms.near.shape[1])
        cell = np.zeros((3, 3)) if system.cell is None else system.cell
        origin = Origin(system.coordinates, cell, np.linalg.pinv(cell), np.asarray(reach), np.asarray(self.skin))
        backend = model.backend
        return Potential(
            program,
            backend.arrays(rows, config.dtype),
            backend.arrays(origin, backend.wide()),
            inputs_of(backend, config.fitting.dtype, system, rows),
            fast is not None,
            self,
        )


def evaluated_by(backend: Backend, it: Potential, positions: Array, cell: Array) -> Motion:
    """Return energy, forces and virial."""
    return evaluated(backend, it.program, it.candidates, it.origin, it.inputs, positions, cell)


def updated_by(backend: Backend, it: Potential, positions: Array, cell: Array) -> Potential:
    """Return the potential with the candidates of these positions."""
    ((found, origin),) = backend.run(renewed, (it.candidates, it.origin), [positions], [cell])
    return replace(it, candidates=found, origin=origin)


def stale_in(backend: Backend, it: Potential, positions: Array, cell: Array) -> Array:
    """Return whether the candidates do not suffice."""
    (found,) = backend.run(stale, (it.candidates, it.origin), [positions], [cell])
    return found


def without_graph(x: Array) -> Array:
    """Return an array without the graph that PyTorch keeps of where it comes from."""
    return x.detach() if hasattr(x, "detach") else x


def map_arrays(function: Callable[[Array], Array], found: Any) -> Any:
    """Return a tuple with a function of each of its arrays, or that of the only array."""
    return type(found)(*map(function, found)) if isinstance(found, tuple) else function(found)
