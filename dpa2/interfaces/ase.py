"""A DPA-2 model as an ASE calculator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..api import load
from ..backends.own_settings import undisturbed
from ..backends.protocol import Backend
from ..config import ENERGY
from ..errors import InputError, refuse_unknown, require, shorten
from ..evaluation.evaluate import in_words
from ..model.model import Model
from ..nn.arrays import Array
from ..structures.naming import renaming
from ..structures.parameters import refuse_unasked
from ..structures.system import System
from .batches import Batches

if TYPE_CHECKING:
    from ase.calculators import calculator
else:
    calculator = require("ase.calculators.calculator", "ase")

VOIGT = ([0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1])  # rows and columns of xx, yy, zz, yz, xz, xy, the order of ASE
OF_FILES = ("backend", "device", "dtype", "head")
ADJUSTABLE = ("skin", "neighbors", "fparam", "aparam", "types")
PROPERTIES = {  # of ASE, by what the model predicts
    ENERGY: ("energy", "free_energy", "energies", "forces", "stress", "stresses"),
    "dipole": ("dipole", "born_effective_charges"),
}
KNOWN = ("file", *OF_FILES, *ADJUSTABLE, "atoms")


def part(name: str) -> Any:
    """An attribute on which results depend: a new value resets them."""

    def value(self: DPA2) -> Any:
        found = self.parts[name]
        return MappingProxyType(found) if isinstance(found, dict) else found

    def replace(self: DPA2, new: Any) -> None:
        self.change(self.parts | {name: own_copy(new)})

    return property(value, replace, doc=f"{name}, as it was given; a new one resets the results")


class DPA2(calculator.Calculator):
    """Calculator of energy, forces, stress, and energies and stresses of atoms (eV, Å) with a DPA-2 model.

    With a model that predicts dipoles, it gives `dipole` and `born_effective_charges` instead, in the units of the
    labels that the model was trained on.

    All but the file and its options change by `calc.set(skin=1.0)` or `calc.skin = 1.0`, and the model by
    `calc.model = other`; results are then computed anew.

    Parameters
    ----------
    file
        A model file, or a `dpa2.Model`.
    backend, device, dtype, head
        As for `dpa2.load`; for files alone, since a `dpa2.Model` has its own.
    skin
        Distance, Å, by which neighbours are searched beyond the cutoff, so that the search is not repeated at every
        step; results do not depend on it.
    neighbors
        "strict" or "truncate", as for `Model.evaluate`.
    fparam, aparam
        Frame and atomic parameters, if the fitting net takes them, copied; if None, those of `atoms.info["fparam"]` and
        `atoms.arrays["aparam"]`.
    types
        Types of the model for elements that it names otherwise, as in {"O": "OW", "H": "HW"}; pairs may be turned.
    atoms
        `ase.Atoms` whose calculator this becomes, as of any calculator of ASE.

    Raises
    ------
    InputError
        An argument is unknown, has no valid value, or belongs to a file where a `dpa2.Model` is given. On evaluation:
        all errors of `Model.evaluate`.

    Notes
    -----
    `stresses` are the shares of atoms in the stress, which is their sum, at four times the cost.

    Atoms may be periodic along any axes. The stress exists where they are along all three; otherwise ASE's
    `PropertyNotImplementedError` says so.

    Examples
    --------
    >>> import ase, dpa2
    >>> from dpa2.ase import DPA2
    >>> water = ase.Atoms("OH2", [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], calculator=DPA2(dpa2.demo.MODEL))
    >>> water.get_forces().shape
    (3, 3)
    """

    implemented_properties = [*PROPERTIES[ENERGY]]
    model, skin, neighbors, fparam, aparam, types = map(part, ("model", *ADJUSTABLE))

    def __init__(
        self,
        file: str | PathLike[str] | Model,
        backend: str | None = None,
        device: str | None = None,
        dtype: str | None = None,
        head: str | None = None,
        *,
        skin: float = 0.5,
        neighbors: str = "strict",
        fparam: Array | None = None,
        aparam: Array | None = None,
        types: Mapping[str, str] | None = None,
        atoms: Any = None,
        **unknown: Any,
    ):
        refuse_unknown(unknown, KNOWN, "DPA2")
        self.parts: dict[str, Any] = {"model": loaded(file, backend, device, dtype, head)}
        super().__init__(atoms=atoms)
        self.set(skin=skin, neighbors=neighbors, fparam=fparam, aparam=aparam, types=types)

    def __repr__(self) -> str:
        """The model, and the options that are not as they are by themselves."""
        given = "".join(
            f", {name} = {shorten(self.parts[name])}" for name in ADJUSTABLE if self.parts[name] is not None
        )
        return f"DPA2({self.model!r}{given})"

    def set(self, **options: Any) -> dict[str, Any]:
        """Change the arguments of these names and return those given; results are computed anew."""
        refuse_unknown(options, ADJUSTABLE, "calc.set")
        if options:
            self.change(self.parts | {name: own_copy(value) for name, value in options.items()})
        return options

    def change(self, parts: dict[str, Any]) -> None:
        """Use what results depend on, if it is valid, and forget results and neighbors."""
        model = parts["model"]
        if not isinstance(model, Model):
            rule = "a dpa2.Model is wanted, as `dpa2.load` returns it"
            raise InputError(f"model: is {shorten(model)}; {rule}", argument="model")
        if model.kind not in PROPERTIES:
            rule = "ASE has no such property; call `model.evaluate(atoms)`"
            raise InputError(f"model: predicts {in_words(model.config)}; {rule}", argument="model", kind=model.kind)
        self.implemented_properties = [*PROPERTIES[model.kind]]
        refuse_unasked(model.config.fitting, parts["fparam"], parts["aparam"])
        self.names = renaming({} if parts["types"] is None else parts["types"], model.type_map)
        self.batches = Batches(model, parts["skin"], parts["neighbors"])
        self.parts = parts
        self.parameters = calculator.Parameters({name: parts[name] for name in ADJUSTABLE})
        self.reset()

    def check_state(self, atoms: Any, tol: float = 1e-15) -> list[str]:
        """Return what has changed since the last results, the parameters that the atoms bring among it."""
        changed: list[str] = super().check_state(atoms, tol)
        if not changed and parameters_of(atoms) != parameters_of(self.atoms):
            changed.append("info")
        return changed

    @property
    def backend(self) -> Backend:
        """The back end of the model."""
        return self.model.backend

    @undisturbed
    def calculate(self, atoms=None, properties=(), system_changes=calculator.all_changes):
        """Compute all properties together; those of single atoms, `stresses`, only when they are asked for."""
        properties = [properties] if isinstance(properties, str) else properties or ()
        refuse_unknown(properties, self.implemented_properties, "DPA2.calculate")
        self.results = {}  # those of other atoms must not stay where these are refused
        super().calculate(atoms, properties, system_changes)
        if self.model.kind == ENERGY:
            self.compute_energy(properties)
        else:
            self.compute_dipole(properties)

    def compute_dipole(self, properties: Sequence[str]) -> None:
        """Compute the dipole, and its derivatives (atom, component, displacement) where they are asked for."""
        charges = "born_effective_charges" in properties
        (out,) = self.batches.evaluate([self.system()], gradient=charges)
        host = self.model.backend.to_numpy
        self.results = {"dipole": host(out.dipole)}
        if charges:
            self.results["born_effective_charges"] = host(out.born_charges)

    def compute_energy(self, properties: Sequence[str]) -> None:
        """Compute energy, forces and stress, and the shares of atoms in the stress where they are asked for."""
        (out,) = self.batches.evaluate([self.system()], atom_virial="stresses" in properties)
        host = self.model.backend.to_numpy
        energy = float(host(out.energy))
        results = {"energy": energy, "free_energy": energy, "energies": host(out.atom_energy)}
        results["forces"] = host(out.forces)
        if out.volume is not None:
            results["stress"] = host(out.stress)[VOIGT]
            if out.atom_virial is not None:
                results["stresses"] = shares_of_stress(host(out.atom_virial), out.volume)
        self.results = results
        if out.volume is None and not {"stress", "stresses"}.isdisjoint(properties):
            rule = "a stress needs a cell and atoms that are periodic along all three axes"
            raise calculator.PropertyNotImplementedError(f"stress: pbc = {self.atoms.pbc.tolist()}; {rule}")

    def system(self) -> System:
        """The atoms of the calculator as a system."""
        system = System.from_ase(self.atoms, self.fparam, self.aparam)
        return replace(system, types=[self.names.get(t, t) for t in system.types])


def parameters_of(atoms: Any) -> tuple[Any, Any]:
    """Return frame and atomic parameters that ASE atoms bring, as lists where they are arrays."""
    given = atoms.info.get("fparam"), atoms.arrays.get("aparam")
    found = [value.tolist() if hasattr(value, "tolist") else value for value in given]
    return found[0], found[1]


def own_copy(value: Any) -> Any:
    """Return arrays and lists as an array that nobody changes, mappings copied, and other values as they are."""
    if isinstance(value, Mapping):
        return dict(value)
    if value is None or isinstance(value, str | Model) or np.ndim(value) == 0:
        return value
    array = np.array(value)
    array.flags.writeable = False
    return array


def loaded(file: Any, backend: str | None, device: str | None, dtype: str | None, head: str | None) -> Model:
    """Return the model of a file, or the model that is given itself, which takes no arguments for files."""
    if not isinstance(file, Model):
        return load(file, "numpy" if backend is None else backend, dtype, device, head)
    for name, value in zip(OF_FILES, (backend, device, dtype, head), strict=True):
        if value is not None:
            rule = "is for files; a Model has its own, and model.to(...) returns it on another one"
            raise InputError(f"{name} = {value!r}: {rule}", argument=name)
    return file


def shares_of_stress(atom_virial: np.ndarray, volume: float) -> np.ndarray:
    """Return the share of each atom in the stress (N, 6), eV/Å³, in Voigt order."""
    shares = -0.5 * (atom_virial + atom_virial.swapaxes(1, 2)) / volume
    return shares[:, *VOIGT]
