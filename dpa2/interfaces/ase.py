"""A DPA-2 model as an ASE calculator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from ..api import load
from ..errors import require
from ..model.model import Model
from ..model.preparation import check_system, require_room
from ..model.truncation import warn_of_truncation
from ..neighbors import SkinList
from ..nn.arrays import Array
from ..structures.naming import renaming
from ..structures.parameters import refuse_unasked
from ..structures.system import System

if TYPE_CHECKING:
    from ase.calculators import calculator
else:
    calculator = require("ase.calculators.calculator", "ase")

VOIGT = ([0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1])  # rows and columns of xx, yy, zz, yz, xz, xy, the order of ASE


class DPA2(calculator.Calculator):
    """Calculator of energy (eV), forces (eV/Å), stress (eV/Å³) and per-atom energies (eV) with a DPA-2 model.

    Parameters
    ----------
    file
        A model file, or a `dpa2.Model`.
    backend, device, dtype, head
        As for `dpa2.load`.
    skin
        Distance, Å, by which neighbours are searched beyond the cutoff, so that the search is not repeated at every
        step; results do not depend on it.
    neighbors
        "strict" or "truncate", as for `Model.evaluate`.
    fparam, aparam
        Frame and atomic parameters, if the fitting net takes them; if None, those of `atoms.info["fparam"]` and
        `atoms.arrays["aparam"]`.
    types
        Types of the model for elements that it names otherwise, as in {"O": "OW", "H": "HW"}; pairs may be turned.
    **kwargs
        Passed to `ase.calculators.calculator.Calculator`.

    Raises
    ------
    InputError
        On evaluation: the atoms are periodic along some axes only; and all errors of `Model.evaluate`.

    Examples
    --------
    >>> import ase, dpa2
    >>> from dpa2.ase import DPA2
    >>> water = ase.Atoms("OH2", [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], calculator=DPA2(dpa2.demo.MODEL))
    >>> water.get_forces().shape
    (3, 3)
    """

    implemented_properties = ["energy", "free_energy", "energies", "forces", "stress"]

    def __init__(
        self,
        file: str | PathLike[str] | Model,
        backend: str = "numpy",
        device: str | None = None,
        dtype: str | None = None,
        head: str | None = None,
        *,
        skin: float = 0.5,
        neighbors: str = "strict",
        fparam: Array | None = None,
        aparam: Array | None = None,
        types: Mapping[str, str] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.model = file if isinstance(file, Model) else load(file, backend, dtype, device, head)
        refuse_unasked(self.model.config.fitting, fparam, aparam)
        self.neighbors, self.fparam, self.aparam = neighbors, fparam, aparam
        self.types = renaming(types or {}, self.model.type_map)
        pairs, names = self.model.config.model_excluded_pairs, self.model.type_map
        cutoff, most = self.model.cutoffs.repinit
        self.list = SkinList(cutoff, most, skin, neighbors=neighbors, excluded_pairs=pairs, type_map=names)

    def calculate(self, atoms=None, properties=("energy",), system_changes=calculator.all_changes):
        """Compute all properties: the gradient of the energy gives forces and stress together."""
        super().calculate(atoms, properties, system_changes)
        config = self.model.config
        system = check_system(config, self.system())
        found = self.list.update(system)
        require_room(config, found, system, self.neighbors)
        warn_of_truncation(config, [system], [found])
        (out,) = self.model.compute([system], [found])
        host = self.model.backend.to_numpy
        energy = float(host(out.energy))
        self.results = {"energy": energy, "free_energy": energy, "energies": host(out.atom_energy)}
        self.results["forces"] = host(out.forces)
        if system.cell is not None:
            self.results["stress"] = stress(host(out.virial), system.cell)

    def system(self) -> System:
        """The atoms of the calculator as a system."""
        system = System.from_ase(self.atoms, self.fparam, self.aparam)
        return replace(system, types=[self.types.get(t, t) for t in system.types])


def stress(virial: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Return the stress -virial / volume in Voigt order, eV/Å³; as in ASE, tension is positive."""
    return -(0.5 * (virial + virial.T) / abs(np.linalg.det(cell)))[VOIGT]
