"""Results of evaluations as users get them, system by system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ..errors import InputError
from ..nn.arrays import Array, array_namespace
from ..structures.system import System, volume_of
from .library import Library


@dataclass(frozen=True, repr=False)
class Evaluation:
    """Energy, forces and virial of one system, or of snapshots stacked along a first axis; arrays of the back end.

    energy: eV. forces: (N, 3), eV/Å. virial: (3, 3), eV. atom_energy: (N,), eV. atom_virial: (N, 3, 3), eV, or None.
    volume: Å³, of the cell; None unless the structure is periodic along all three axes, or its cell is not known.
    """

    energy: Array
    forces: Array
    virial: Array
    atom_energy: Array
    atom_virial: Array | None = None
    volume: Any = None

    @property
    def stress(self) -> Array:
        """The stress -virial / volume, symmetric (3, 3), eV/Å³; as in ASE, tension is positive.

        Raises `InputError` where there is no volume.
        """
        if self.volume is None:
            rule = "a stress needs a structure with a cell, periodic along all three axes; `virial` needs none"
            raise InputError(f"stress: {rule}", argument="stress")
        xp, v = array_namespace(self.virial), self.virial
        return -0.5 * (v + v.mT) / xp.asarray(self.volume, dtype=v.dtype, device=v.device)[..., None, None]

    def __repr__(self) -> str:
        """Energy, number of atoms and largest force, not arrays."""
        *snapshots, atoms, _ = self.forces.shape
        if snapshots:
            return f"Evaluation({snapshots[0]} snapshots of {atoms} atoms)"
        numbers, vectors = (x.detach() if hasattr(x, "detach") else x for x in (self.energy, self.forces))
        try:
            energy = float(numbers)
            largest = float((vectors * vectors).sum(-1).max()) ** 0.5 if atoms else 0.0
        except (TypeError, RuntimeError):  # an array that a library transforms has no numbers
            return f"Evaluation({atoms} atoms, {type(self.energy).__name__})"
        return f"Evaluation(energy = {energy:.6f} eV, {atoms} atoms, largest force {largest:.4g} eV/Å)"


@dataclass(frozen=True, repr=False)
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

    def __repr__(self) -> str:
        """The numbers of atoms, neighbours and components, not arrays."""
        atoms, width = self.neighbors.shape
        return f"DescriptorEvaluation({atoms} atoms, {self.descriptor.shape[-1]} components, {width} neighbours)"


def split(
    backend: Library,
    systems: Sequence[System],
    energies: Array,
    forces: Array,
    virials: Array,
    atom_energies: Array,
    shares: Array | None,
) -> list[Evaluation]:
    """Return a result for each of the checked systems, from arrays of all systems end to end."""
    atoms, single = [len(system.types) for system in systems], [1] * len(systems)
    whole = [(energies, single), (forces, atoms), (virials, single), (atom_energies, atoms), (shares, atoms)]
    pieces = ([None] * len(atoms) if x is None else backend.pieces(x, sizes) for x, sizes in whole)
    volumes = map(volume_of, systems)
    return [Evaluation(e[0], f, v[0, ...], a, s, size) for e, f, v, a, s, size in zip(*pieces, volumes, strict=True)]


def stacked(results: Sequence[Any]) -> Any:
    """Return results of equally large systems with a first axis of snapshots."""

    def column(name: str) -> Any:
        values = [getattr(r, name) for r in results]
        if any(value is None for value in values):
            return None
        return np.array(values) if name == "volume" else array_namespace(values[0]).stack(values)

    return type(results[0])(**{f.name: column(f.name) for f in fields(results[0])})
