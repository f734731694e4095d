"""The part of a process without atoms, which has to make the same exchanges as all others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..evaluation.results import Evaluation
from ..neighbors import Neighbors
from ..structures.system import System


def virtual_atom(system: System) -> tuple[System, Neighbors]:
    """Return one virtual atom, which has no energy, with the parameters of a system without atoms; and its list."""
    atoms = system.atom_parameters
    parameters = None if atoms is None else np.zeros((1, *atoms.shape[1:]))
    none = np.zeros((1, 0), dtype=np.int64)
    counts, vectors = np.zeros(1, dtype=np.int64), np.zeros((1, 0, 3))
    one = replace(system, coordinates=np.zeros((1, 3)), types=np.array([-1]), atom_parameters=parameters)
    return one, Neighbors(none, vectors, np.zeros((1, 0)), None, none, counts, counts)


def without_atoms(found: Evaluation) -> Evaluation:
    """Return a result of a virtual atom as one of no atoms."""
    shares = None if found.atom_virial is None else found.atom_virial[:0, ...]
    return replace(found, forces=found.forces[:0, ...], atom_energy=found.atom_energy[:0], atom_virial=shares)
