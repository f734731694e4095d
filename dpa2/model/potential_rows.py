"""The rows of a potential on the host: bins for its search, shapes of its chunks, and what is known of each atom."""

from __future__ import annotations

import numpy as np

from ..backends.protocol import Backend
from ..batching.moving import Candidates, Layout
from ..batching.plan import Plan
from ..batching.table import allowed
from ..config import DPA2Config
from ..descriptor.chunk import Chunk
from ..fitting.head import Inputs
from ..neighbors.cell_list import enlarged
from ..neighbors.cells import Capacity, in_cells
from ..neighbors.cells import pairs as pairs_within
from ..neighbors.grid import Grid
from ..neighbors.images import periodic_axes
from ..structures.system import System


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
