"""A potential has the results of an evaluation while atoms move, and no numbers where its candidates do not suffice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from budgets import budget
from hypothesis import assume, given
from hypothesis import strategies as st
from libraries import EAGER, LIBRARIES
from references import CASES, frames, host, load
from strict import Strict, on
from tolerances import assert_close

import dpa2
from dpa2.testing import perturbed_model, random_system, small_config, water_box


def with_room_for(neighbors: int, *lists: str):
    """A configuration whose lists hold so many neighbours."""
    config = small_config()
    wide = max(config.repinit.max_neighbors, neighbors + 20)
    changed = {name: replace(getattr(config, name), max_neighbors=neighbors) for name in lists}
    return replace(config, repinit=replace(config.repinit, max_neighbors=wide), **changed)


MODEL = perturbed_model(small_config(), seed=0)
ROOMY = perturbed_model(with_room_for(200, "three_body", "repformer"), seed=0)


def moved(positions: np.ndarray, by: float, seed: int = 0) -> np.ndarray:
    return positions + np.random.default_rng(seed).uniform(-by, by, positions.shape)


def assert_same(model, found, system, tolerance: str = "reference") -> None:
    """The values of a potential are those of an evaluation."""
    expected = model.evaluate(system)
    for name in ("energy", "forces", "virial"):
        assert_close(tolerance, host(model, getattr(found, name)), host(model, getattr(expected, name)), name)


@pytest.mark.parametrize("case", CASES)
def test_a_potential_made_elsewhere_has_the_results_of_the_reference(case):
    model, frame = load(case, "numpy"), frames(case)[0]
    system = frame.system
    begin = replace(system, coordinates=moved(system.coordinates, 0.1))
    try:
        model.evaluate(system)
        potential = model.potential(begin)
    except dpa2.TooManyNeighbors:
        with pytest.raises(dpa2.TooManyNeighbors):
            model.potential(system)
        return
    if potential.stale(system.coordinates):  # an atom has more neighbours than there was room for
        potential = potential.renew(system.coordinates)
    found = potential(system.coordinates)
    for name in ("energy", "forces", "virial"):
        tolerance = "reference float32" if case == "float32" else "reference"
        assert_close(tolerance, getattr(found, name), frame.expected[name], name)


@pytest.mark.parametrize("library", LIBRARIES)
def test_atoms_that_move_have_the_results_of_evaluations(library):
    model = MODEL.to(library)
    box = water_box(9, seed=1)
    potential, positions, renewed = model.potential(box, skin=0.8), box.coordinates, 0
    for step in range(12):
        positions = moved(positions, 0.12, seed=step) + 0.5 * box.cell[0] * (step == 5)  # all atoms, out of the cell
        if potential.stale(positions):
            updated, renewed = potential.update(positions), renewed + 1
            potential = potential.renew(positions) if updated.stale(positions) else updated
        assert_same(model, potential(positions), replace(box, coordinates=positions))
    assert 0 < renewed < 12


def test_only_functions_of_the_array_api_standard_are_used():
    model, box = on(MODEL, Strict()), water_box(5, seed=4)
    potential, positions = model.potential(box), moved(box.coordinates, 0.05)
    assert_same(model, potential(positions), replace(box, coordinates=positions))
    assert_same(model, potential.update(positions)(positions), replace(box, coordinates=positions))


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_cell_that_changes_has_the_results_of_evaluations(library):
    model, box = MODEL.to(library), water_box(9, seed=2)
    potential = model.potential(box, skin=1.0)
    strain = np.array([[1.02, 0.01, 0], [0, 0.98, 0.01], [0, 0, 1.01]])
    system = replace(box, coordinates=box.coordinates @ strain, cell=box.cell @ strain)
    assert not potential.stale(system.coordinates, system.cell)
    assert_same(model, potential(system.coordinates, system.cell), system)
    assert potential.stale(box.coordinates, 1.2 * box.cell)


@budget(10)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 0.6), st.floats(-0.1, 0.1), st.sampled_from(["ppp", "pps", "sss"]))
def test_what_is_not_stale_is_right(seed, by, strain, boundary):
    periodic = tuple(axis == "p" for axis in boundary)
    box = replace(water_box(6, seed=seed % 7), pbc=periodic) if any(periodic) else replace(water_box(6), cell=None)
    potential = MODEL.potential(box, skin=1.0)
    positions = (1 + strain) * moved(box.coordinates, by, seed)
    system = replace(box, coordinates=positions, cell=None if box.cell is None else (1 + strain) * box.cell)
    found = potential(system.coordinates, system.cell)
    if potential.stale(system.coordinates, system.cell):
        assert np.isnan(found.energy)
    else:
        assert_same(MODEL, found, system)


def test_a_small_cell_has_images_of_an_atom_as_its_own_neighbours():
    system = dpa2.System([[0.1, 0.2, 0.3], [1.2, 1.0, 0.9]], ["O", "H"], np.diag([2.3, 2.6, 2.9]))
    potential = ROOMY.potential(system)
    assert_same(ROOMY, potential(system.coordinates), system)
    assert_same(ROOMY, potential.update(system.coordinates)(system.coordinates), system)


@pytest.mark.parametrize("library", EAGER)
def test_too_many_neighbours_are_no_number_and_then_an_error(library):
    model = perturbed_model(with_room_for(4, "three_body", "repformer"), seed=0).to(library)
    spread = np.array([[0.0, 0, 0], [2.2, 0, 0], [0, 2.2, 0], [0, 0, 2.2], [-2.2, 0, 0], [0, -4.2, 0]])
    potential = model.potential(spread, ["O", "H", "H", "H", "H", "H"], skin=4.0)
    assert not potential.stale(spread)
    crowd = spread * [1, 0.6, 1]
    assert potential.stale(crowd)
    assert all(np.isnan(host(model, x)).all() for x in potential(crowd))
    with pytest.raises(dpa2.TooManyNeighbors, match="atom 0"):
        potential.renew(crowd)


@pytest.mark.parametrize("library", EAGER)
def test_candidates_that_do_not_fit_are_stale_at_once(library):
    box = water_box(9, seed=1)
    potential = MODEL.to(library).potential(box)
    dense = 0.6 * box.coordinates, 0.6 * box.cell
    updated = potential.update(*dense)
    assert updated.stale(*dense)
    assert np.isnan(host(MODEL.to(library), updated(*dense).energy))


@budget(10)
@given(st.integers(0, 2**32 - 1), st.floats(0.9, 1.1))
def test_an_update_finds_what_a_new_potential_finds(seed, scale):
    generator = np.random.default_rng(seed)
    system = random_system(generator, atoms=int(generator.integers(1, 12)), types=2, periodic=bool(seed % 2))
    cell = None if system.cell is None else scale * system.cell
    positions = moved(scale * system.coordinates, 0.2, seed)
    try:
        updated = ROOMY.potential(system, skin=0.5).update(positions, cell)
        expected = ROOMY.evaluate(positions, system.types, cell)
    except dpa2.InputError:
        assume(False)
    if not updated.stale(positions, cell):
        assert_close("reference", updated(positions, cell).forces, expected.forces, "forces")


def test_atoms_that_are_too_close_for_an_accelerated_model_use_its_nets():
    model = MODEL.accelerate(closest=0.8)
    apart = np.array([[0.0, 0, 0], [1.1, 0, 0], [0, 1.2, 0]])
    close = apart * [0.6, 1, 1]
    potential = model.potential(apart, ["O", "H", "H"], skin=2.0)
    assert potential.accelerated
    assert np.isnan(potential(close).energy)
    potential = potential.renew(close)
    assert not potential.accelerated
    assert potential(close).energy == pytest.approx(MODEL.evaluate(close, ["O", "H", "H"]).energy, abs=1e-12)


def test_a_position_that_is_no_number_is_stale():
    box = water_box(3)
    potential, positions = MODEL.potential(box), box.coordinates.copy()
    positions[4, 1] = np.nan
    assert potential.stale(positions)
    assert np.isnan(potential(positions).energy)
    with pytest.raises(dpa2.InputError, match="atom 4"):
        potential.renew(positions)


@pytest.mark.parametrize("skin", [-0.1, float("inf"), "1"])
def test_a_skin_is_a_distance(skin):
    with pytest.raises(dpa2.InputError, match="skin"):
        MODEL.potential(water_box(3), skin=skin)


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_updated_potential_keeps_where_its_candidates_were_searched(library):
    model, box = MODEL.to(library), water_box(9, seed=1)
    positions = model.backend.asarray(box.coordinates.copy())
    updated = model.potential(box).update(positions)
    positions += 3.0 * model.backend.asarray(np.sin(np.arange(positions.shape[0] * 3.0))).reshape(positions.shape)
    assert updated.stale(positions)
