"""Results of evaluations as users get them, system by system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from ..nn.arrays import Array, array_namespace
from .library import Library


@dataclass(frozen=True)
class Evaluation:
    """Energy, forces and virial of one system, or of snapshots stacked along a first axis; arrays of the back end.

    energy: eV. forces: (N, 3), eV/Å. virial: (3, 3), eV. atom_energy: (N,), eV. atom_virial: (N, 3, 3), eV, or None.
    """

    energy: Array
    forces: Array
    virial: Array
    atom_energy: Array
    atom_virial: Array | None = None


@dataclass(frozen=True)
class DescriptorEvaluation:
    """The outputs of the descriptor for one system. W is the number of neighbours of the widest atom.

    descriptor: (N, D). rotation: (N, g, 3). pair: (N, W, g), direction: (N, W, 3) and switch: (N, W) belong to the
    atoms in neighbors: (N, W), -1 where there is none (the pair then holds the numbers of section 9.6).
    """

    descriptor: Array
    rotation: Array
    pair: Array
    direction: Array
    switch: Array
    neighbors: Array


def split(
    backend: Library,
    atoms: Sequence[int],
    energies: Array,
    forces: Array,
    virials: Array,
    atom_energies: Array,
    shares: Array | None,
) -> list[Evaluation]:
    """Return a result for each system, from arrays of all systems end to end; `atoms` are their numbers of atoms."""
    single = [1] * len(atoms)
    whole = [(energies, single), (forces, atoms), (virials, single), (atom_energies, atoms), (shares, atoms)]
    pieces = ([None] * len(atoms) if x is None else backend.pieces(x, sizes) for x, sizes in whole)
    return [Evaluation(e[0], f, v[0, ...], a, s) for e, f, v, a, s in zip(*pieces, strict=True)]


def stacked(results: Sequence[Evaluation]) -> Evaluation:
    """Return results of equally large systems with a first axis of snapshots."""
    xp = array_namespace(results[0].forces)
    columns = zip(*(astuple(r) for r in results), strict=True)
    return Evaluation(*(None if c[0] is None else xp.stack(c) for c in columns))
