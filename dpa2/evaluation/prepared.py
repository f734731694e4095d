"""Systems laid out in chunks on a back end, ready to be evaluated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..batching.plan import Plan
from ..batching.table import behind
from ..config import DPA2Config
from ..descriptor.chunk import Chunk
from ..descriptor.exchange import ALONE, Exchange
from ..fitting.head import Inputs
from ..neighbors import Neighbors
from ..nn.arrays import Array, end_to_end, flat
from ..structures.lattice import wrapped
from ..structures.system import System
from .halo import Halo, HaloExchange, agree_on_lengths
from .library import Library
from .rows import RowMap


@dataclass(frozen=True, repr=False)
class Prepared:
    """Systems laid out in chunks on a back end."""

    plan: Plan
    chunks: tuple[Chunk, ...]
    inputs: tuple[Inputs, ...]
    coordinates: Sequence[Array]
    row_map: RowMap
    lists: Sequence[Neighbors]
    systems: Sequence[System]
    exchange: Exchange = ALONE

    def __repr__(self) -> str:
        return f"Prepared({len(self.systems)} systems of {sum(self.atoms)} atoms in {len(self.chunks)} chunks)"

    @property
    def atoms(self) -> list[int]:
        """The number of atoms of each system."""
        return [len(s.types) for s in self.systems]


def prepare(
    backend: Library,
    config: DPA2Config,
    host: Plan,
    lists: Sequence[Neighbors],
    systems: Sequence[System],
    halo: Halo | None = None,
) -> Prepared:
    """A plan and what belongs to its rows, on a back end; halo: for one system of which other processes have a part."""
    if halo is not None:
        agree_on_lengths(backend, halo, host)
        host = with_room(host, backend)
    coordinates = np.concatenate([wrapped(s.coordinates, s.cell, s.pbc) for s in systems])[host.order]
    row_map = RowMap(
        near=in_room(backend, end_to_end([flat(chunk.near) for chunk in host.chunks])),
        system=in_room(backend, host.system),
        inverse=in_room(backend, host.inverse),
        systems=backend.room(host.systems),
        remote=0 if halo is None else backend.room(len(halo.types)),
        into_rows=backend.sum_into_rows,
    )
    return Prepared(
        plan=host,
        chunks=backend.arrays(host.chunks, config.dtype),
        inputs=inputs(backend, config.fitting.dtype, host, systems),
        coordinates=backend.arrays(host.cut(coordinates), backend.wide()),
        row_map=backend.arrays(row_map, config.dtype),
        lists=lists,
        systems=systems,
        exchange=ALONE if halo is None else HaloExchange.of(backend, halo, host, config.dtype),
    )


def with_room(host: Plan, backend: Library) -> Plan:
    """The plan with rows of remote atoms behind the rows that the back end adds to own ones."""
    rows = len(host.order)
    extra = backend.room(rows) - rows
    return replace(host, chunks=tuple(replace(c, near=behind(c.near, rows, extra)) for c in host.chunks))


def in_room(backend: Library, rows: np.ndarray) -> np.ndarray:
    """Rows as long as the back end lays them out; those to spare refer to row 0, to which they add zeros."""
    return np.pad(rows, (0, backend.room(len(rows)) - len(rows)))


def inputs(backend: Library, dtype: str, host: Plan, systems: Sequence[System]) -> tuple[Inputs, ...]:
    """1 for real atoms, 0 for virtual ones and for rows that only fill up a chunk; frame and atomic parameters."""
    types = np.concatenate([s.types for s in systems])[host.order]
    real = backend.arrays(host.cut((types >= 0) * host.present), backend.wide())
    frame = parameters([s.frame_parameters for s in systems], np.stack, host, host.system)
    atom = parameters([s.atom_parameters for s in systems], np.concatenate, host, host.order)
    return tuple(map(Inputs, real, backend.arrays(frame, dtype), backend.arrays(atom, dtype)))


def parameters(given: list, join: Callable[[list], np.ndarray], host: Plan, rows: np.ndarray) -> list:
    """Parameters of the rows of each chunk, joined from those of all systems; None where a model takes none."""
    return [None] * len(host.chunks) if given[0] is None else host.cut(join(given)[rows])
