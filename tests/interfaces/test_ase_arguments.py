"""The calculator takes no argument that it ignores, and keeps no result of what has changed."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import numpy as np
import pytest

import dpa2
from dpa2 import demo, testing
from dpa2.errors import InputError, TooManyNeighbors

ase = pytest.importorskip("ase")

from dpa2.ase import DPA2  # noqa: E402


def water(calculator=None):
    return ase.Atoms("OH2", [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], calculator=calculator)


def with_parameters():
    """A model whose fitting net takes two frame parameters."""
    config = testing.small_config()
    config = dataclasses.replace(config, fitting=dataclasses.replace(config.fitting, frame_parameters=2))
    return testing.perturbed_model(config, seed=3)


@pytest.mark.parametrize(
    ("wrong", "right"), [("neighbours", "neighbors"), ("dtpye", "dtype"), ("skins", "skin"), ("type_dict", "")]
)
def test_an_unknown_argument_is_refused_with_the_one_that_was_meant(wrong, right):
    with pytest.raises(InputError, match=f"no '{wrong}'.*{right}") as caught:
        DPA2(demo.MODEL, **{wrong: "truncate"})
    assert caught.value.argument == wrong
    assert (f"did you mean '{right}'?" in str(caught.value)) == bool(right)


@pytest.mark.parametrize(
    ("name", "value"), [("backend", "numpy"), ("dtype", "float32"), ("head", "water"), ("device", "cpu")]
)
def test_what_belongs_to_a_file_is_refused_with_a_model(name, value):
    with pytest.raises(InputError, match=rf"{name} = '{value}'.*model.to"):
        DPA2(dpa2.load(demo.MODEL), **{name: value})


@pytest.mark.parametrize("skin", [-1.0, float("nan"), float("inf"), "wide", None])
def test_a_skin_that_is_no_distance_is_refused(skin):
    with pytest.raises(InputError, match="skin"):
        DPA2(demo.MODEL, skin=skin)
    calculator = DPA2(demo.MODEL)
    with pytest.raises(InputError, match="skin"):
        calculator.set(skin=skin)
    assert calculator.skin == 0.5


def test_an_unknown_property_is_refused():
    with pytest.raises(InputError, match="dipole"):
        DPA2(demo.MODEL).calculate(water(), ["dipole"])


def test_set_refuses_what_it_cannot_change():
    with pytest.raises(InputError, match="'neighbours'; did you mean 'neighbors'"):
        DPA2(demo.MODEL).set(neighbours="truncate")
    with pytest.raises(InputError, match="dtype"):
        DPA2(demo.MODEL).set(dtype="float32")


def test_set_parameters_change_the_energy():
    model = with_parameters()
    one, other = (
        model.evaluate(water().positions, ["O", "H", "H"], fparam=p).energy for p in ([0.1, 0.2], [2.0, -1.0])
    )
    assert one != other
    for change in (lambda c: c.set(fparam=[2.0, -1.0]), lambda c: setattr(c, "fparam", [2.0, -1.0])):
        atoms = water(DPA2(model, fparam=[0.1, 0.2]))
        assert atoms.get_potential_energy() == one
        change(atoms.calc)
        assert atoms.get_potential_energy() == other


def test_parameters_are_copied_so_that_results_belong_to_them():
    given = np.array([0.1, 0.2])
    atoms = water(DPA2(with_parameters(), fparam=given))
    before = atoms.get_potential_energy()
    given[:] = 5.0
    assert atoms.calc.get_property("energy", water()) == before
    with pytest.raises(ValueError, match="read-only"):
        atoms.calc.fparam[0] = 5.0


@pytest.mark.filterwarnings("ignore::dpa2.TruncationWarning")
def test_set_changes_what_is_done_with_too_many_neighbours():
    data = demo.structure()
    atoms = ase.Atoms(["OH"[t] for t in data["types"]], data["coordinates"], cell=data["cell"], pbc=True)
    atoms.set_cell(0.7 * atoms.cell, scale_atoms=True)
    atoms.calc = DPA2(demo.MODEL)
    with pytest.raises(TooManyNeighbors):
        atoms.get_potential_energy()
    atoms.calc.set(neighbors="truncate")
    expected = dpa2.load(demo.MODEL).evaluate(atoms.positions, data["types"], atoms.cell.array, neighbors="truncate")
    assert atoms.get_potential_energy() == pytest.approx(float(expected.energy), rel=1e-14)
    atoms.calc.neighbors = "strict"
    with pytest.raises(TooManyNeighbors):
        atoms.get_potential_energy()


def test_another_model_gives_its_own_results():
    other = testing.perturbed_model(testing.small_config(), seed=1)
    atoms = water(DPA2(demo.MODEL))
    before = atoms.get_potential_energy()
    atoms.calc.model = other
    expected = other.evaluate(water().positions, ["O", "H", "H"]).energy
    assert atoms.get_potential_energy() == pytest.approx(float(expected), rel=1e-14)
    assert before != pytest.approx(float(expected), rel=1e-6)


def test_atoms_that_are_refused_do_not_get_the_results_of_others():
    calculator = DPA2(demo.MODEL)
    calculator.calculate(water())
    wrong = ase.Atoms("OH2", water().positions, cell=[0, 9, 9], pbc=[True, False, False])
    for _ in range(2):
        with pytest.raises(InputError):
            calculator.calculate(wrong)
        with pytest.raises(InputError):
            calculator.get_potential_energy(wrong)


def test_calculators_are_copied_and_pickled_with_their_results():
    atoms = water(DPA2(demo.MODEL, skin=1.0))
    expected = atoms.get_forces()
    for again in (copy.deepcopy(atoms.calc), pickle.loads(pickle.dumps(atoms.calc))):
        assert again.skin == 1.0
        assert np.array_equal(water(again).get_forces(), expected)
        again.set(skin=0.0)
        assert atoms.calc.skin == 1.0
        assert np.array_equal(water(again).get_forces(), expected)


@pytest.mark.parametrize("where", ["info", "arrays"])
def test_results_do_not_outlive_the_parameters_of_the_atoms(where):
    model, name = with_parameters(), "fparam"
    if where == "arrays":
        config = testing.small_config()
        config = dataclasses.replace(config, fitting=dataclasses.replace(config.fitting, atom_parameters=1))
        model, name = testing.perturbed_model(config, seed=3), "aparam"
    first, second = ([0.1, 0.2], [0.3, -0.2]) if where == "info" else (np.full((3, 1), 0.1), np.full((3, 1), -0.3))
    atoms = water(DPA2(model))
    for values in (first, second):
        getattr(atoms, where)[name] = np.array(values)
        expected = model.evaluate(atoms.positions, ["O", "H", "H"], **{name: values})
        assert atoms.get_potential_energy() == pytest.approx(float(expected.energy), rel=1e-14)


def test_types_change_by_set():
    renamed = DPA2(demo.MODEL, types={"C": "O"})
    atoms = ase.Atoms("CH2", water().positions, calculator=renamed)
    expected = water(DPA2(demo.MODEL)).get_potential_energy()
    assert atoms.get_potential_energy() == pytest.approx(expected, rel=1e-14)
    renamed.set(types={"C": "H"})
    as_hydrogen = ase.Atoms("H3", water().positions, calculator=DPA2(demo.MODEL)).get_potential_energy()
    assert atoms.get_potential_energy() == pytest.approx(as_hydrogen, rel=1e-14) != expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", "water.dp"),
        ("model", None),
        ("types", ["OW", "HW"]),
        ("types", "OW=O"),
        ("types", {"O": "H"}),
    ],
)
def test_an_attribute_of_another_kind_is_refused_and_changes_nothing(name, value):
    atoms = water(DPA2(demo.MODEL))
    energy = atoms.get_potential_energy()
    with pytest.raises(InputError, match=name):
        setattr(atoms.calc, name, value)
    assert atoms.get_potential_energy() == energy


def test_types_of_a_calculator_cannot_be_changed_past_it():
    calculator = DPA2(demo.MODEL, types={"OW": "O"})
    with pytest.raises(TypeError):
        calculator.types["OW"] = "H"
    assert pickle.loads(pickle.dumps(calculator)).types == {"OW": "O"}


def test_parameters_of_atoms_that_are_no_numbers_are_refused_by_name():
    atoms = water(DPA2(with_parameters()))
    atoms.info["fparam"] = [0.1, 0.2]
    atoms.get_potential_energy()
    atoms.info["fparam"] = [[0.1], [0.2, 0.3]]
    with pytest.raises(InputError, match="fparam"):
        atoms.get_potential_energy()
