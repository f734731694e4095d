"""The example of vibrations agrees with those of ASE, and the iterative solver with the whole Hessian."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

import dpa2

EXAMPLE = Path(__file__).parents[2] / "examples" / "vibrations.py"
WATER = dpa2.System(np.array([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]]), ["O", "H", "H"])


@pytest.fixture(scope="module")
def example():
    pytest.importorskip("scipy")
    return runpy.run_path(str(EXAMPLE))


def test_wave_numbers_of_a_molecule_are_those_of_ase(example, tmp_path):
    """ASE takes differences of forces of second order, so to a thousandth."""
    pytest.importorskip("ase")
    import ase
    from ase.vibrations import Vibrations

    model = dpa2.load(dpa2.demo.WATER, dtype="float64")
    molecule = example["relaxed"](model, WATER)
    assert np.abs(model.evaluate(molecule).forces).max() < 1e-10
    found = example["whole_spectrum"](model, molecule)
    assert np.abs(found[:6]).max() < 1.0
    atoms = ase.Atoms(molecule.types, molecule.coordinates, masses=example["weights_of"](molecule)[:, 0] ** -2)
    atoms.calc = dpa2.ase.DPA2(model)
    vibrations = Vibrations(atoms, name=str(tmp_path / "vibrations"), delta=1e-3)
    vibrations.run()
    assert found[6:] == pytest.approx(vibrations.get_frequencies()[6:].real, rel=1e-3)
    assert 1000 < found[6] < 2000 < 3000 < found[7] < found[8] < 4500  # a bend and two stretches, as water has


def test_the_solver_finds_the_highest_of_the_whole_spectrum(example):
    model, box = dpa2.load(dpa2.demo.WATER, dtype="float64"), dpa2.testing.water_box(2)
    assert example["highest"](model, box, 4) == pytest.approx(example["whole_spectrum"](model, box)[-4:], rel=1e-6)
