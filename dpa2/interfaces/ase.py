"""An ASE calculator."""

from __future__ import annotations

import numpy as np

from ..api import load
from ..errors import InputError, require
from ..model.model import Model
from ..model.preparation import check_system, require_room
from ..neighbors import SkinList
from ..structures.system import System

calculator = require("ase.calculators.calculator", "ase")
VOIGT = ([0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1])  # xx, yy, zz, yz, xz, xy


class DPA2(calculator.Calculator):
    """Energy, forces, stress and per-atom energies of a DPA-2 model, for `atoms.calc`.

    file: a model file, or a `dpa2.Model`. backend, device, dtype, head: as for `dpa2.load`. skin: Å by which
    neighbours are searched farther than needed, so that the search need not be repeated at every step; results do
    not depend on it. neighbors: "strict" or "truncate", as for `Model.evaluate`. fparam, aparam: parameters of the
    fitting net, if it has such.

    Raises `InputError` for atoms that are periodic along some axes only, and whatever `Model.evaluate` raises.

    >>> import ase, dpa2
    >>> from dpa2.ase import DPA2
    >>> water = ase.Atoms("OH2", [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], calculator=DPA2(dpa2.demo.MODEL))
    >>> water.get_forces().shape
    (3, 3)
    """

    implemented_properties = ("energy", "free_energy", "energies", "forces", "stress")

    def __init__(
        self, file, backend="numpy", device=None, dtype=None, head=None, *, skin=0.5, neighbors="strict",
        fparam=None, aparam=None, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.model = file if isinstance(file, Model) else load(file, backend, dtype, device, head)
        self.neighbors, self.fparam, self.aparam = neighbors, fparam, aparam
        options = {"excluded_pairs": self.model.config.model_excluded_pairs, "type_map": self.model.type_map}
        self.list = SkinList(*self.model.cutoffs.repinit, skin, neighbors=neighbors, **options)

    def calculate(self, atoms=None, properties=("energy",), system_changes=calculator.all_changes):
        """Everything at once: the energy's gradient gives forces and stress together."""
        super().calculate(atoms, properties, system_changes)
        config = self.model.config
        system = check_system(config, self.system())
        found = self.list.update(system)
        require_room(config, found, system, self.neighbors)
        (out,) = self.model.compute([system], [found])
        host = self.model.backend.to_numpy
        energy = float(host(out.energy))
        self.results = {"energy": energy, "free_energy": energy, "energies": host(out.atom_energy)}
        self.results["forces"] = host(out.forces)
        if system.cell is not None:
            self.results["stress"] = stress(host(out.virial), system.cell)

    def system(self) -> System:
        """The present atoms."""
        pbc = self.atoms.pbc
        if pbc.any() and not pbc.all():
            raise InputError(f"atoms are periodic along {pbc.tolist()}; all three axes or none are possible")
        cell = self.atoms.cell.array if pbc.all() else None
        return System(self.atoms.positions, self.atoms.get_chemical_symbols(), cell, self.fparam, self.aparam)


def stress(virial: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """-virial / volume in Voigt order, eV/Å³ (ASE's sign: positive stretches)."""
    return -(0.5 * (virial + virial.T) / abs(np.linalg.det(cell)))[VOIGT]
