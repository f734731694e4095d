"""Whether LAMMPS' neighbour list has all pairs that a model needs: it may be older than the positions allow."""

from __future__ import annotations

import numpy as np

from ...errors import InputError
from ...neighbors.lists import norm
from ...neighbors.search import search
from ...nn.arrays import Float, Int
from ...structures.system import System
from .nodes import Nodes


def require_complete(nodes: Nodes, positions: Float[np.ndarray, "atom 3"], cutoff: float, rank: int) -> None:
    """Raise `InputError` where the pairs of own atoms lack one within the cutoff (facts: atom, other, distance, rank).

    positions: of LAMMPS' own atoms and ghosts.
    """
    cluster = System(positions, np.zeros(len(positions), dtype=np.int64))
    found = search(positions, cluster, cutoff)
    mine = found.center < nodes.own
    wanted = numbers_within(cutoff, positions, found.center[mine], found.neighbor[mine])
    missing = np.setdiff1d(wanted, numbers_within(cutoff, positions, nodes.center, nodes.ghost))
    if len(missing):
        rows = list(divmod(int(missing[0]), len(positions)))
        atom, other = nodes.atoms.tags[rows]
        raise missing_pair(int(atom), int(other), float(norm(np.diff(positions[rows], axis=0))[0]), rank)


def numbers_within(
    cutoff: float,
    positions: Float[np.ndarray, "atom 3"],
    center: Int[np.ndarray, "pair"],
    other: Int[np.ndarray, "pair"],
) -> Int[np.ndarray, "near"]:
    """Return a number for each pair within the cutoff: centre times the number of atoms, plus the other atom."""
    near = norm(positions[other] - positions[center]) <= cutoff
    return center[near] * len(positions) + other[near]


def missing_pair(atom: int, other: int, distance: float, rank: int) -> InputError:
    """Return the error about a pair that is not in the list."""
    what = f"atoms id {atom} and id {other} on MPI rank {rank} are {distance:.3g} Å apart"
    why = "LAMMPS' list lacks the pair, since it is too old or leaves pairs out"
    rule = "let LAMMPS make lists in time, by `neigh_modify every 1 delay 0 check yes once no`, and exclude no pairs"
    facts = {"atom": atom, "other": other, "distance": distance, "rank": rank}
    return InputError(f"neigh_modify: {what}, and {why}; {rule}", argument="neigh_modify", **facts)
