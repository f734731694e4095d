"""Structures as users have them: ASE atoms, tuples, generators, data with names of their own, and masked arrays."""

from __future__ import annotations

import numpy as np
import pytest

import dpa2
from dpa2 import testing
from dpa2.data import read_dataset
from dpa2.errors import InputError
from dpa2.structures.naming import renaming
from dpa2.structures.parameters import with_parameters
from dpa2.structures.system import System, checked, frames

WATER = np.array([[0.0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])


@pytest.fixture(scope="module")
def model():
    return testing.perturbed_model(testing.small_config())


class Atoms:
    """What ASE's atoms have; ASE itself is not needed."""

    def __init__(self, symbols, positions, cell=None, info=None, arrays=None):
        self.symbols, self.positions, self.info, self.arrays = symbols, positions, info or {}, arrays or {}
        self.cell, self.pbc = np.zeros((3, 3)) if cell is None else cell, [cell is not None] * 3

    def get_chemical_symbols(self):
        return self.symbols


@pytest.fixture
def reordered(tmp_path):
    """A data folder whose type_map.raw has another order than the model (O, H)."""
    folder = tmp_path / "set.000"
    folder.mkdir()
    (tmp_path / "type.raw").write_text("1 0 0")
    (tmp_path / "type_map.raw").write_text("H O")
    (tmp_path / "nopbc").touch()
    np.save(folder / "coord.npy", np.stack([WATER.ravel(), 1.1 * WATER.ravel()]))
    np.save(folder / "energy.npy", np.array([-7.0, -6.0]))
    np.save(folder / "fparam.npy", np.ones((2, 3)))
    return tmp_path


def test_types_of_a_data_set_are_found_by_their_names(model, reordered):
    data = read_dataset(reordered)
    expected = model.evaluate(WATER, ["O", "H", "H"]).energy
    assert model.evaluate_many([data[0].system])[0].energy == expected
    assert model.evaluate_many(data)[0].energy == pytest.approx(expected, rel=1e-13)
    assert model.evaluate(data[0]).energy == expected
    named = read_dataset(reordered, type_map=model.type_map)
    for fit in (dpa2.fit_output_bias, dpa2.compute_statistics):
        one, other = fit(model, data).state_dict(), fit(model, named).state_dict()
        assert all(np.array_equal(one[name], other[name]) for name in one)
    bias = dpa2.fit_output_bias(model, data).weights.bias
    np.testing.assert_allclose(bias, -6.5 / 5 * np.array([1.0, 2.0]), rtol=1e-12)  # least norm with one O and two H


def test_names_that_the_model_does_not_know_are_refused_and_others_translated():
    system = System(WATER, [2, 0, -1], type_map=("H", "C", "O"))
    assert checked(system, ("O", "H")).types.tolist() == [0, 1, -1]
    with pytest.raises(InputError, match=r"atom 0 is 'O'; the model knows C, H") as caught:
        checked(system, ("C", "H"))
    assert (caught.value.atom, caught.value.symbol) == (0, "O")


def test_atoms_tuples_and_generators_are_structures(model):
    expected = model.evaluate(WATER, [0, 1, 1])
    atoms = Atoms(["O", "H", "H"], WATER)
    assert np.array_equal(model.evaluate(atoms).forces, expected.forces)
    for several in ([atoms, (WATER, ["O", "H", "H"])], (System.from_ase(atoms) for _ in range(2))):
        found = model.evaluate_many(several)
        assert [result.energy for result in found] == pytest.approx([expected.energy] * 2, rel=1e-14)
    cell = 9.0 * np.eye(3)
    periodic = model.evaluate(Atoms(["O", "H", "H"], WATER + 4.0, cell))
    assert periodic.energy == model.evaluate(WATER + 4.0, [0, 1, 1], cell).energy


@pytest.mark.parametrize("systems", [System(WATER, [0, 1, 1]), Atoms(["O"], WATER[:1]), 3, [WATER], ["O"]])
def test_what_is_no_list_of_structures_is_refused(model, systems):
    with pytest.raises(InputError, match="structure") as caught:
        model.evaluate_many(systems)
    assert caught.value.argument == "systems"


def test_types_beside_a_structure_and_missing_types_are_refused(model):
    with pytest.raises(InputError, match="types: are missing"):
        model.evaluate(WATER)
    with pytest.raises(InputError, match="types: is given beside"):
        model.evaluate(System(WATER, [0, 1, 1]), [0, 1, 1])


def test_the_range_of_types_says_that_they_are_no_atomic_numbers(model):
    with pytest.raises(InputError, match=r"atom 0 has type 8.*indices, not atomic numbers"):
        model.evaluate(WATER, [8, 1, 1])


def masked(values):
    return np.ma.masked_array(values, mask=np.arange(np.size(values)).reshape(np.shape(values)) == 0)


@pytest.mark.parametrize(("change", "argument"), [
    ({"coordinates": masked(WATER)}, "coordinates"),
    ({"coordinates": [masked(WATER[0]), WATER[1], WATER[2]]}, "coordinates"),
    ({"coordinates": masked(np.stack([WATER, WATER]))}, "coordinates"),
    ({"types": masked([0, 1, 1])}, "types"),
    ({"cell": masked(9.0 * np.eye(3))}, "cell"),
    ({"fparam": masked([0.5])}, "frame_parameters"),
    ({"aparam": masked(np.ones((3, 1)))}, "atom_parameters"),
])  # fmt: skip
def test_masked_arrays_are_refused_by_name(change, argument):
    fit = testing.small_config().fitting
    fit = type(fit)(**{**vars(fit), "frame_parameters": 1, "atom_parameters": 1})
    taking = testing.perturbed_model(testing.small_config(fitting=fit))
    usual = {"coordinates": WATER, "types": [0, 1, 1], "fparam": [0.5], "aparam": np.ones((3, 1))}
    taking.evaluate(**usual)
    with pytest.raises(InputError, match=f"{argument}: is a masked array") as caught:
        taking.evaluate(**usual | change)
    assert caught.value.argument == argument


def test_parameters_of_data_that_a_model_does_not_take_are_left_out(model, reordered):
    frame = read_dataset(reordered)[0]
    assert frame.system.frame_parameters.tolist() == [1.0, 1.0, 1.0]
    assert np.isfinite(model.evaluate(frame).energy)
    with pytest.raises(InputError, match="fparam"):
        model.evaluate(WATER, [0, 1, 1], fparam=[1.0, 1.0, 1.0])


def test_atoms_bring_their_parameters():
    atoms = Atoms(["O", "H", "H"], WATER, info={"fparam": 0.5}, arrays={"aparam": np.arange(3.0)})
    found = checked(System.from_ase(atoms), ("O", "H"))
    assert (found.frame_parameters.tolist(), found.atom_parameters.tolist()) == ([0.5], [[0.0], [1.0], [2.0]])


def test_renamed_types_are_those_of_the_model(reordered):
    assert renaming({"O": "OW", "HW": "H"}, ("OW", "H")) == {"O": "OW", "HW": "H"}
    with pytest.raises(InputError, match="neither is a type of the model"):
        renaming({"OW": "Ox"}, ("O", "H"))
    data = read_dataset(reordered, type_map=("OW", "HW"), rename={"O": "OW", "H": "HW"})
    assert data[0].system.types.tolist() == [0, 1, 1]


@pytest.mark.parametrize("names", [{"H", "O"}, "HO", {"H": 0, "O": 1}, iter(["H", "O"])])
def test_names_of_indices_have_an_order(names):
    with pytest.raises(InputError, match="type_map"):
        dpa2.load(dpa2.demo.MODEL).evaluate(dpa2.System([[0, 0, 0]], [1], type_map=names))


def test_bytes_that_are_no_text_are_refused_by_name():
    with pytest.raises(InputError, match="types"):
        dpa2.load(dpa2.demo.MODEL).evaluate([[0, 0, 0]], np.array([b"\xff"]))


def test_a_neighbour_list_without_axes_is_refused_by_name():
    with pytest.raises(InputError, match="nlist"):
        dpa2.load(dpa2.demo.MODEL).evaluate_extended([[0, 0, 0]], ["O"], 3, [0])


def test_one_number_is_no_parameter_of_snapshots():
    with pytest.raises(InputError, match="frame_parameters"):
        checked(with_parameters(frames(np.zeros((2, 1, 3)), ["O"]), np.array(1.0), None)[0], ("O",))
