"""Batches filled up with virtual atoms and empty frames, which change neither loss nor gradient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...neighbors import Neighbors
from ...structures.system import System
from .batch import HostBatch
from .labels import LABELS, Label
from .room import Room


def filled(batch: HostBatch, lists: Sequence[Neighbors], room: Room) -> tuple[HostBatch, tuple[Neighbors, ...]]:
    """Return a batch with as many frames and slots as its room has, and its lists.

    The frames that are added have virtual atoms alone; their labels are those of empty slots.
    """
    systems = [with_virtual(system, room.slots) for system in batch.systems]
    rows = [with_empty_rows(found, room.slots) for found in lists]
    empty = room.frames - len(batch)
    systems += [all_virtual(systems[0])] * empty
    rows += [with_empty_rows(of_no_atom(lists[0]), room.slots)] * empty
    labels = {name: padded_label(array, LABELS[name], room) for name, array in batch.labels.items()}
    mask = padded(batch.mask, 0.0, room.frames, room.slots)
    return replace(batch, systems=tuple(systems), labels=labels, mask=mask), tuple(rows)


def padded(array: np.ndarray, value: float, *lengths: int) -> np.ndarray:
    """Return an array whose first axes are longer, filled up with a value."""
    more = [(0, length - before) for length, before in zip(lengths, array.shape, strict=False)]
    more += [(0, 0)] * (array.ndim - len(more))
    return np.pad(array, more, constant_values=value)


def padded_label(array: np.ndarray, label: Label, room: Room) -> np.ndarray:
    """Return labels of all frames of a batch."""
    return padded(array, label.missing, *((room.frames, room.slots) if label.per_atom else (room.frames,)))


def with_virtual(system: System, slots: int) -> System:
    """Return a checked structure with virtual atoms behind the others."""
    own = system.atom_parameters
    return replace(
        system,
        coordinates=padded(system.coordinates, 0.0, slots),
        types=padded(system.types, -1, slots),
        atom_parameters=None if own is None else padded(own, 0.0, slots),
    )


def all_virtual(system: System) -> System:
    """Return a structure of as many atoms, all of which are virtual."""
    return replace(system, types=np.full_like(system.types, -1))


def with_empty_rows(found: Neighbors, slots: int) -> Neighbors:
    """Return a neighbour list with rows of atoms that have no neighbours behind the others."""
    empty = {"index": -1, "extended": -1, "distance": np.inf}
    arrays = {name: array for name, array in vars(found).items() if array is not None}
    return replace(found, **{name: padded(array, empty.get(name, 0), slots) for name, array in arrays.items()})


def of_no_atom(found: Neighbors) -> Neighbors:
    """Return a neighbour list without rows."""
    return replace(found, **{name: array[:0] for name, array in vars(found).items() if array is not None})
