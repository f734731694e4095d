"""The example that trains a model of water: what its data are made with is right."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import dpa2

ase = pytest.importorskip("ase")
pytest.importorskip("scipy")
FOLDER = Path(__file__).parents[2] / "examples" / "water_xtb"


@pytest.fixture
def example(monkeypatch):
    """The modules of the example by name, as its programs import them."""
    monkeypatch.syspath_prepend(str(FOLDER))
    names = ("water", "make_data", "dynamics")
    yield {name: __import__(name) for name in names}
    for name in names:
        sys.modules.pop(name)


def slope(atoms, atom: int, axis: int, step: float = 1e-4) -> float:
    """The force along an axis by differences of energies."""
    energies = []
    for sign in (1, -1):
        moved = atoms.copy()
        moved.positions[atom, axis] += sign * step
        moved.calc = atoms.calc
        energies.append(moved.get_potential_energy())
    return (energies[1] - energies[0]) / (2 * step)


def test_forces_of_the_simple_force_field_are_those_of_its_energy(example):
    water = example["water"]
    atoms = water.box(8, water.edge_of(8), np.random.default_rng(0))
    atoms.rattle(0.05, seed=1)
    atoms.calc = water.Simple()
    forces = atoms.get_forces()
    for atom, axis in ((0, 0), (4, 1), (8, 2)):
        assert slope(atoms, atom, axis) == pytest.approx(forces[atom, axis], abs=1e-5)


def test_forces_of_the_wall_are_those_of_its_energy_and_point_inwards(example):
    water = example["water"]
    atoms = water.of_molecules(water.placed(np.array([[0.0, 0, 0], [5.0, 0, 0]]), np.random.default_rng(0)))
    atoms.calc = water.Walled(dpa2.ase.DPA2(dpa2.demo.MODEL), 2.0)
    forces, without = atoms.get_forces(), atoms.calc.inner.results["forces"]
    assert slope(atoms, 3, 0) == pytest.approx(forces[3, 0], abs=1e-5)
    assert forces[3, 0] - without[3, 0] == pytest.approx(-3.0 * water.WALL)
    assert (forces[:3] == without[:3]).all()


def test_a_box_has_the_density_and_the_molecules_that_were_asked_for(example):
    water = example["water"]
    atoms = water.box(16, water.edge_of(16, 1.08), np.random.default_rng(0))
    assert atoms.get_masses().sum() * 1.66054 / atoms.get_volume() == pytest.approx(1.08, rel=0.005)
    bonds = [atoms.get_distance(3 * k, 3 * k + j) for k in range(16) for j in (1, 2)]
    assert np.allclose(bonds, water.LENGTH)


def test_what_is_written_is_read_as_data_with_the_labels_of_the_calculation(example, tmp_path):
    pytest.importorskip("tblite")
    water, make_data = example["water"], example["make_data"]
    atoms = water.droplet(2, np.random.default_rng(0))
    make_data.write(tmp_path / "pair", atoms, make_data.labelled([atoms, atoms]))
    first, second = dpa2.read_dataset(tmp_path / "pair", ("O", "H"))
    atoms.calc = water.xtb()
    assert first.energy == second.energy == pytest.approx(atoms.get_potential_energy(), abs=1e-9)
    assert np.allclose(first.forces, atoms.get_forces(), atol=1e-9)
    assert slope(atoms, 1, 2, 1e-3) == pytest.approx(atoms.get_forces()[1, 2], abs=1e-3)
    assert list(first.system.types) in ([0, 1, 1] * 2, ["O", "H", "H"] * 2)


def test_radial_distribution_of_points_at_random_is_1(example):
    water, dynamics = example["water"], example["dynamics"]
    rng, edge, molecules = np.random.default_rng(0), 16.0, 60
    total = 0
    for _ in range(20):
        atoms = water.of_molecules(rng.uniform(0, edge, (3 * molecules, 3)), edge)
        total = total + dynamics.counts(atoms)["O-H"] / 20
    found = dynamics.radial(total, 2 * molecules * (molecules - 1), edge**3)
    assert found[20:].mean() == pytest.approx(1.0, abs=0.02)
