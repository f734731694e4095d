"""A model as a function of the positions of one system's atoms, for simulations on the model's library and device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backends.protocol import Backend
from ..batching.moving import Candidates, Layout
from ..batching.plan import ChunkShape, Plan
from ..batching.table import allowed
from ..batching.widths import GrowingWidths
from ..config import DPA2Config
from ..descriptor.chunk import Chunk
from ..evaluation.motion import Motion, Origin, evaluated, renewed, stale
from ..fitting.atomic_model import AtomicProgram
from ..fitting.head import Inputs
from ..neighbors import UNLIMITED, candidates
from ..neighbors.cell_list import enlarged
from ..neighbors.cells import Capacity, in_cells
from ..neighbors.cells import pairs as pairs_within
from ..neighbors.grid import Grid
from ..neighbors.images import periodic_axes
from ..neighbors.skin import checked_skin
from ..nn.arrays import Array, Float, MaybeNone
from ..nn.module import map_leaves, module, static
from ..structures.system import System
from .extrapolation import warn_of_extrapolation
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
    """What makes a potential for positions: a model, a system whose atoms move, and the shapes of earlier ones."""

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


def search_of(system: System, reach: float, pairs: int) -> tuple[Grid, Capacity]:
    """Return the bins and the capacities of a search on the device, with room to spare."""
    periodic = periodic_axes(system)
    places, heights = in_cells(system.coordinates, system.cell)
    extent = np.ptp(places, axis=0) * heights
    grid = Grid.of(reach, periodic, system.cell, extent, len(system.types))
    fullest = int(pairs_within(system.coordinates, system.cell, grid, Capacity(1, 1)).fullest)
    return grid, enlarged(Capacity(0, 0), fullest, pairs)


def layout_of(host: Plan, backend: Backend, closest: float, grid: Grid, capacity: Capacity) -> Layout:
    """Return the shapes of a plan's chunks."""
    chunks = host.chunks
    sizes = tuple(len(chunk.types) for chunk in chunks)
    wide = tuple(chunk.near.shape[1] for chunk in chunks)
    edges = sum(size * width for size, width in zip(sizes, wide, strict=True))
    return Layout(
        cutoffs=host.cutoffs,
        sizes=sizes,
        wide=wide,
        three_body=tuple(three_body_width(host, chunk) for chunk in chunks),
        repformer=tuple(chunk.repformer_width for chunk in chunks),
        rows=backend.room(sum(sizes)),
        edges=backend.room(edges),
        closest=closest,
        grid=grid,
        capacity=capacity,
    )


def three_body_width(host: Plan, chunk: Chunk) -> int:
    """Return the width of a chunk's three-body list: no more than the repformer's if that contains it.

    Otherwise all chunks are equally wide.
    """
    lists = host.cutoffs.lists
    within = lists["three_body"][0] <= lists["repformer"][0]
    return min(chunk.three_body_width, chunk.repformer_width) if within else chunk.three_body_width


def rows_of(config: DPA2Config, system: System, layout: Layout, slots: int) -> Candidates:
    """Return all rows without candidates, with so many slots for them; atom 0 fills up the chunks."""
    atoms, rows = len(system.types), sum(layout.sizes)
    atom = np.where(np.arange(rows) < atoms, np.arange(rows), 0)
    types, count = np.maximum(system.types, 0), len(config.types)
    widths = np.repeat(layout.repformer, layout.sizes)
    real = np.arange(count + 1) < count
    return Candidates(
        atom=atom,
        types=types[atom],
        kind=np.where(system.types < 0, count, types)[atom],
        filler=np.full(rows, types[0]),
        fills=(np.arange(rows) >= atoms).astype(np.int64),
        system=np.zeros(rows, np.int64),
        admits=(allowed(count, config.model_excluded_pairs) & real[:, None] & real).astype(float),
        sees=allowed(count, config.excluded_pairs).astype(float),
        near=np.zeros((rows, slots), np.int64),
        shift=np.zeros((rows, slots, 3), np.int64),
        present=np.zeros((rows, slots)),
        start=np.cumsum(widths) - widths,
        room_repinit=np.repeat(layout.wide, layout.sizes),
        room_three_body=np.repeat(layout.three_body, layout.sizes),
        room_repformer=widths,
        layout=layout,
    )


def inputs_of(backend: Backend, dtype: str, system: System, rows: Candidates) -> Inputs:
    """Return the inputs of the head for all rows."""
    real = (system.types[rows.atom] >= 0) * (1.0 - rows.fills)
    frame, atom = system.frame_parameters, system.atom_parameters
    frame = None if frame is None else np.repeat(frame[None, :], len(rows.atom), axis=0)
    atom = None if atom is None else atom[rows.atom]
    return Inputs(backend.asarray(real, backend.wide()), *backend.arrays((frame, atom), dtype))


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
