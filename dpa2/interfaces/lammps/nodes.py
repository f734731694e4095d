"""From LAMMPS' own and ghost atoms to the neighbour lists of a model, in NumPy alone.

A model sees *nodes*: the own atoms of a rank, in LAMMPS' order, then each *remote* atom (one that another rank owns)
once, in order of their ids. A ghost that is an image of an own atom is that own atom.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ...errors import InputError
from ...neighbors.lists import Edges, Neighbors, Selection, norm, selected
from ...nn.arrays import Float, Int

GRID = 1e-3  # Å; images of an atom are far more apart than this, and rounding moves an atom by far less
NEIGHMASK = 0x1FFFFFFF  # the bits of a neighbour that number an atom; LAMMPS marks bonds in the others
OFFSET = 0.318309886  # of the grid, so that atoms of a lattice lie on no edge of it


@dataclass(frozen=True, eq=False)
class Atoms:
    """The atoms that LAMMPS holds on a rank, own atoms first, then ghosts; copies.

    own: number of own atoms. tags: (A,), ids. types: (A,), LAMMPS' types, from 1. positions: (A, 3), Å, unwrapped.
    """

    own: int
    tags: Int[np.ndarray, "atom"]
    types: Int[np.ndarray, "atom"]
    positions: Float[np.ndarray, "atom 3"]


@dataclass(frozen=True, eq=False)
class Nodes:
    """Nodes of a rank, and the pairs of LAMMPS' list, sorted by centre, id of the neighbour and image.

    own: number of own atoms. tags, types: (N + M,), ids and the model's types. atoms: as they were when LAMMPS made the
    list. center: own atom of each pair; ghost: its neighbour among LAMMPS' atoms; node: the same among the nodes.
    room: Å, how much farther than the cutoff the list reaches at least.
    """

    own: int
    tags: Int[np.ndarray, "node"]
    types: Int[np.ndarray, "node"]
    atoms: Atoms
    center: Int[np.ndarray, "pair"]
    ghost: Int[np.ndarray, "pair"]
    node: Int[np.ndarray, "pair"]
    room: float

    @property
    def remote(self) -> int:
        """Return the number of remote atoms."""
        return len(self.tags) - self.own

    def fits(self, atoms: Atoms) -> bool:
        """Return whether the pairs are still those of these atoms: none has moved by more than half the room."""
        known = self.atoms
        if atoms.own != known.own or not np.array_equal(atoms.tags, known.tags):
            return False
        farthest = norm(atoms.positions - known.positions).max(initial=0.0)
        return bool(2.0 * farthest < self.room and np.array_equal(atoms.types, known.types))

    def as_old_as(self, known: Nodes | None) -> Nodes:
        """Return the same with the age of other nodes, if both may be from one list of LAMMPS."""
        if known is None or known.own != self.own or not np.array_equal(known.atoms.tags, self.atoms.tags):
            return self
        return replace(self, atoms=known.atoms, room=min(known.room, self.room))

    def neighbors(self, positions: Float[np.ndarray, "atom 3"], selection: Selection) -> Neighbors:
        """Return the neighbour list of the own atoms, whose `index` counts nodes.

        Equal distances are ordered by id, then image, so that a list that is cut does not depend on the decomposition.
        Raises the errors of every list.
        """
        if self.own == 0:
            return nobody()
        vector = positions[self.ghost] - positions[self.center]
        distance = norm(vector)
        order = np.arange(len(vector))
        edges = Edges(self.center, self.node, order, None, vector, distance)
        found = selected(edges.at(np.flatnonzero(distance <= selection.cutoff)), self.types, selection, "")
        names = "index", "vector", "distance", "extended", "counts", "total"
        return replace(found, **{name: getattr(found, name)[: self.own] for name in names})


def nobody() -> Neighbors:
    """Return the neighbour list of no atoms."""
    none, no_counts = np.zeros((0, 0), dtype=np.int64), np.zeros(0, dtype=np.int64)
    return Neighbors(none, np.zeros((0, 0, 3)), np.zeros((0, 0)), None, none, no_counts, no_counts)


def node_table(
    atoms: Atoms,
    center: Int[np.ndarray, "pair"],
    ghost: Int[np.ndarray, "pair"],
    type_of: Int[np.ndarray, "type"],
    cutoff: float,
) -> Nodes:
    """Return the nodes of a rank from LAMMPS' atoms and its full neighbour list.

    center, ghost: of each pair, in any order. type_of: the model's type of each type of LAMMPS, which begin at 1.

    Raises `InputError` where own atoms have no ids of their own.
    """
    require_tags(atoms)
    own = atoms.tags[: atoms.own]
    there = atoms.tags[ghost]
    order = np.argsort(own, kind="stable")
    found = located(own[order], there)
    remote, first = np.unique(there[found < 0], return_index=True)
    tags = np.concatenate([own, remote])
    node = np.where(found >= 0, np.append(order, -1)[found], len(own) + np.searchsorted(remote, there))
    of_remote = atoms.types[ghost[found < 0][first]]
    types = type_of[np.concatenate([atoms.types[: atoms.own], of_remote]) - 1]
    vector = atoms.positions[ghost] - atoms.positions[center]
    image = np.floor(vector / GRID + OFFSET)
    rows = np.lexsort((image[:, 2], image[:, 1], image[:, 0], there, center))
    room = norm(vector).max(initial=0.0) - cutoff
    return Nodes(atoms.own, tags, types, atoms, center[rows], ghost[rows], node[rows], float(room))


def located(ordered: Int[np.ndarray, "atom"], wanted: Int[np.ndarray, "tag"]) -> Int[np.ndarray, "tag"]:
    """Return the place of each wanted number among ordered ones, -1 for those that are not there."""
    if len(ordered) == 0:
        return np.full(len(wanted), -1)
    place = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
    return np.where(ordered[place] == wanted, place, -1)


def require_tags(atoms: Atoms) -> None:
    """Raise `InputError` where atoms have no ids, or two own atoms the same."""
    own = np.sort(atoms.tags[: atoms.own])
    if len(atoms.tags) and atoms.tags.min() <= 0:
        raise InputError("atoms have no ids: leave out `atom_modify id no`", argument="id")
    twice = np.flatnonzero(own[1:] == own[:-1])
    if len(twice):
        raise InputError(f"two atoms have the id {own[twice[0]]}; ids must be unique", argument="id")


def read_pairs(
    size: int, element: Callable[[int], tuple[int, Int[np.ndarray, "neighbor"]]]
) -> tuple[Int[np.ndarray, "pair"], Int[np.ndarray, "pair"]]:
    """Return centres and neighbours of a list of LAMMPS that has `size` elements.

    element: returns an own atom and its neighbours, with bits that mark special bonds.
    """
    centers: list[int] = []
    rows = [np.empty(0, dtype=np.int32)]
    for k in range(size):
        atom, row = element(k)
        centers.append(atom)
        rows.append(row)
    counts = [len(row) for row in rows[1:]]
    ghost = np.concatenate(rows).astype(np.int64) & NEIGHMASK
    return np.repeat(np.array(centers, dtype=np.int64), counts), ghost
