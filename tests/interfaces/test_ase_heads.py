"""The calculator of ASE gives dipoles and Born charges where the model predicts dipoles, and refuses other kinds."""

from __future__ import annotations

import numpy as np
import pytest
from heads import HEADS, sample
from tolerances import assert_close

import dpa2
from dpa2.errors import InputError

ase = pytest.importorskip("ase")
from ase.calculators.calculator import PropertyNotImplementedError  # noqa: E402

from dpa2.ase import DPA2  # noqa: E402


def atoms(calculator):
    structure, numbers = sample("drawn_dipole")
    names = np.array(["O", "H"])[structure["types"]]
    found = ase.Atoms(names, structure["coordinates"], cell=structure["cell"], pbc=True, calculator=calculator)
    return found, numbers["global_dipole"]


def test_dipoles_are_those_of_the_reference():
    found, dipole = atoms(DPA2(HEADS / "drawn_dipole.dp"))
    assert_close("samples", found.get_dipole_moment(), dipole)
    with pytest.raises(PropertyNotImplementedError):
        found.get_potential_energy()


def test_born_charges_are_those_of_the_model():
    found, _ = atoms(DPA2(HEADS / "drawn_dipole.dp"))
    charges = found.calc.get_property("born_effective_charges", found)
    out = dpa2.load(HEADS / "drawn_dipole.dp").evaluate(found, gradient=True)
    assert_close("layout", charges, out.born_charges)
    assert "born_effective_charges" not in DPA2(dpa2.demo.MODEL).implemented_properties


def test_what_ase_does_not_know_is_refused():
    for stem in ("property", "dos", "polar"):
        with pytest.raises(InputError, match="ASE has no such property"):
            DPA2(HEADS / f"{stem}.dp")
    calculator = DPA2(HEADS / "dipole.dp")
    calculator.model = dpa2.load(dpa2.demo.MODEL)
    assert "energy" in calculator.implemented_properties
