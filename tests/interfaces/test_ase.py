"""The ASE calculator: what the model says, in ASE's units, signs and order."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid

import numpy as np
import pytest
from libraries import EAGER

import dpa2
from dpa2 import demo
from dpa2.errors import InputError

ase = pytest.importorskip("ase")

from ase.md.verlet import VelocityVerlet  # noqa: E402

from dpa2.ase import DPA2  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::dpa2.TruncationWarning")  # lists are cut on purpose


def box(calculator=None):
    data = demo.structure()
    symbols = ["OH"[t] for t in data["types"]]
    return ase.Atoms(symbols, positions=data["coordinates"], cell=data["cell"], pbc=True, calculator=calculator)


@pytest.mark.parametrize("library", EAGER)
def test_calculator_gives_the_numbers_of_the_reference(library):
    atoms, expected = box(DPA2(demo.MODEL, backend=library)), demo.structure()
    assert atoms.get_potential_energy() == pytest.approx(float(expected["energy"][0]), rel=1e-14)
    assert np.abs(atoms.get_forces() - expected["forces"]).max() < 1e-14
    assert np.abs(atoms.get_potential_energies() - expected["atom_energy"]).max() < 1e-10
    symmetric = 0.5 * (expected["virial"] + expected["virial"].T)
    assert np.abs(atoms.get_stress(voigt=False) + symmetric / atoms.get_volume()).max() < 1e-14


@pytest.mark.parametrize("component", range(6))
def test_stress_is_the_slope_of_the_energy_along_a_strain(component):
    """Central differences; shear strains are symmetric, so that ASE's Voigt shear is half of both."""
    atoms, calculator, h = box()[:60], DPA2(demo.MODEL), 1e-5
    row, column = [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)][component]
    energies = []
    for sign in (1, -1):
        strain = np.eye(3)
        strain[row, column] += sign * h / 2
        strain[column, row] += sign * h / 2
        moved = atoms.copy()
        moved.set_cell(atoms.cell @ strain, scale_atoms=True)
        moved.calc = calculator
        energies.append(moved.get_potential_energy())
    atoms.calc = calculator
    slope = (energies[0] - energies[1]) / (2 * h) / atoms.get_volume()
    assert abs(slope - atoms.get_stress()[component]) < 1e-6 * np.abs(atoms.get_stress()).max() + 1e-10


def test_kept_neighbours_change_no_step_of_a_trajectory():
    trajectories = []
    for skin in (0.0, 1.0):
        atoms = box(DPA2(demo.MODEL, skin=skin, neighbors="truncate"))
        atoms.set_velocities(np.random.default_rng(1).normal(0, 0.02, (192, 3)))
        with VelocityVerlet(atoms, timestep=1.0) as dynamics:
            dynamics.run(15)
        trajectories.append(atoms.positions.copy())
    assert np.array_equal(*trajectories)


def test_atoms_that_are_periodic_along_an_axis_without_a_vector_are_refused():
    atoms = ase.Atoms("OH", [[0, 0, 0], [1, 0, 0]], cell=[9, 9, 0], pbc=True, calculator=DPA2(demo.MODEL))
    with pytest.raises(InputError, match="set pbc = False along that axis"):
        atoms.get_potential_energy()


def test_stresses_of_atoms_add_up_to_the_stress():
    atoms = box(DPA2(demo.MODEL))
    stress, shares = atoms.get_stress(), atoms.get_stresses()
    assert shares.shape == (192, 6)
    assert np.abs(shares.sum(axis=0) - stress).max() <= 1e-12 * np.abs(stress).max()
    out = dpa2.load(demo.MODEL).evaluate(atoms, atom_virial=True)
    xy = -0.5 * (out.atom_virial[:, 0, 1] + out.atom_virial[:, 1, 0]) / atoms.get_volume()
    assert np.abs(shares[:, 5] - xy).max() <= 1e-12 * np.abs(xy).max()


def test_a_cluster_has_no_stress():
    atoms = ase.Atoms("OH", [[0, 0, 0], [1, 0, 0]], calculator=DPA2(dpa2.load(demo.MODEL)))
    assert np.abs(atoms.get_forces().sum(axis=0)).max() < 1e-15
    for ask in (atoms.get_stress, atoms.get_stresses):
        with pytest.raises(ase.calculators.calculator.PropertyNotImplementedError, match="all three axes"):
            ask()


def test_a_client_of_the_protocol_of_ipi_gives_the_same_forces():
    from ase.calculators.socketio import SocketClient, SocketIOCalculator

    name = f"dpa2-{uuid.uuid4().hex}"

    def molecule(calculator):
        places = [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]]
        return ase.Atoms("OH2", places, cell=[9, 9, 9], pbc=True, calculator=calculator)

    def client():
        for _ in range(100):
            with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
                return SocketClient(unixsocket=name).run(molecule(DPA2(demo.MODEL)))
            time.sleep(0.1)

    with SocketIOCalculator(unixsocket=name) as server:
        threading.Thread(target=client, daemon=True).start()
        forces = molecule(server).get_forces()
    assert np.abs(forces - molecule(DPA2(demo.MODEL)).get_forces()).max() < 1e-14
