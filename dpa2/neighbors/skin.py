"""Neighbour lists for atoms that move little at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from ..structures.lattice import times
from ..structures.system import System, refuse
from .images import Images, periodic_axes, placed
from .lists import Neighbors, Selection, norm, selected
from .search import Pairs, measured, search


class SkinList:
    """`neighbor_list` for a system that moves little at a time: candidates are kept until an atom has moved skin / 2.

    skin: Å. Other arguments, results and errors are those of `neighbor_list`, to the last bit.

    >>> from dpa2.structures.system import System, checked
    >>> nearby = SkinList(cutoff=4.0, max_neighbors=10, skin=1.0)
    >>> for z in (1.5, 1.6):
    ...     print(nearby.update(checked(System([[0, 0, 0], [0, 0, z]], ["H", "H"]), ("H",))).distance[0])
    [1.5]
    [1.6]
    """

    def __init__(self, cutoff: float, max_neighbors: int, skin: float, **options: Any) -> None:
        self.selection = Selection(cutoff, max_neighbors, **options)
        self.skin = checked_skin(skin)
        self.last: Search | None = None

    def update(self, system: System) -> Neighbors:
        """The neighbours of a checked system."""
        cutoff = self.selection.cutoff
        positions, places = placed(system)
        if self.last is None or not self.last.serves(system, positions, places, self.skin / 2):
            images = Images.within(cutoff, system)
            pairs = search(positions, system, cutoff + self.skin)
            self.last = Search(system, positions, places, images, pairs)
        edges = measured(self.last.moved(places), positions, self.last.images, cutoff)
        return selected(edges, system.types, self.selection, system.name)


def checked_skin(skin: Any) -> float:
    """Return the skin in Å; raise an `InputError` if it is no distance."""
    if not (isinstance(skin, Real) and 0 <= float(skin) < math.inf):
        refuse("", "skin", f"{skin!r} is no distance: must be a finite number of Å, 0 or more")
    return float(skin)


@dataclass(frozen=True, eq=False)
class Search:
    """The candidates of a search, with the system, its wrapped positions in Å and its fractional positions."""

    system: System
    positions: np.ndarray
    places: np.ndarray | None
    images: Images
    pairs: Pairs

    def serves(self, system: System, positions: np.ndarray, places: np.ndarray | None, farthest: float) -> bool:
        """Return whether the system has the same types and cell, and no atom has moved more than `farthest` Å."""
        if not (np.array_equal(self.system.types, system.types) and same_lattice(self.system, system)):
            return False
        moved = positions - self.positions
        if places is not None:
            step = places - self.places
            moved = times(step - self.crossings(step), system.cell)
        return bool(norm(moved).max() <= farthest)

    def crossings(self, step: np.ndarray) -> np.ndarray:
        """Return how many times atoms crossed a face of a periodic axis, for steps in fractional positions."""
        return np.where(periodic_axes(self.system), np.rint(step), 0.0)

    def moved(self, places: np.ndarray | None) -> Pairs:
        """The candidates with their present translations, which change where atoms cross a face of the cell."""
        crossed = np.zeros(1) if places is None else self.crossings(places - self.places).astype(np.int32)
        if not crossed.any():
            return self.pairs
        center, neighbor = self.pairs.center, self.pairs.neighbor
        return Pairs(center, neighbor, self.pairs.shift + crossed[center] - crossed[neighbor])


def same_lattice(one: System, other: System) -> bool:
    """Return whether two systems are periodic along the same axes, with the same lattice vectors."""
    if periodic_axes(one) != periodic_axes(other):
        return False
    return one.cell is other.cell or bool(np.array_equal(one.cell, other.cell))
