"""What holds for every configuration and every system: symmetries, locality, and that layout is nobody's business."""

from __future__ import annotations

import dataclasses

import numpy as np
import oracles
import pytest
from budgets import budget
from hypothesis import assume, given
from hypothesis import strategies as st
from libraries import EAGER
from references import moved, strict
from strict import on
from tolerances import TOLERANCES, assert_close

from dpa2 import testing
from dpa2.batching.plan import LISTS, ChunkShape
from dpa2.batching.widths import WidthCache
from dpa2.structures.system import System
from dpa2.testing.strategies import SMOOTH_ACTIVATIONS

pytestmark = pytest.mark.filterwarnings("ignore::dpa2.TruncationWarning")  # lists are cut on purpose

FIELDS = ("energy", "forces", "virial", "atom_energy")
SYMMETRY, DIFFERENCES = TOLERANCES["symmetry"][0], TOLERANCES["energy differences"][0]

seeds = st.integers(0, 10**6)
configurations = testing.configurations()


def fitting(system: System, config, seed: int) -> System:
    """The system with types drawn from all that a configuration knows."""
    types = np.random.default_rng(seed).integers(len(config.types), size=len(system.types))
    return dataclasses.replace(system, types=types)


def at_scale(found, expected, name: str, kind: str = "layout"):
    """As close as two orders of summation; where all forces vanish by symmetry, on the scale of what was summed."""
    for field in FIELDS:
        scale = 0.0 if field in ("energy", "atom_energy") else 1e-3 * np.abs(expected.atom_energy).max()
        assert_close(kind, getattr(found, field), getattr(expected, field), f"{name}: {field}", scale=scale)


def evaluated(model, *systems):
    """Evaluations with NumPy arrays."""
    results = model.evaluate_many(systems, neighbors="truncate")
    host = {f: [np.asarray(model.backend.to_numpy(getattr(r, f))) for r in results] for f in FIELDS}
    return [dataclasses.replace(r, **{f: host[f][k] for f in FIELDS}) for k, r in enumerate(results)]


# Symmetries


@budget(40)
@given(configurations, testing.systems(), seeds)
def test_translations_change_nothing(config, system, seed):
    model = testing.perturbed_model(config, seed, statistics="any")
    testing.check_translation(model.evaluate, fitting(system, config, seed), tolerance=SYMMETRY)


@pytest.mark.parametrize("reflect", [False, True])
@budget(40)
@given(configurations, testing.systems(), seeds)
def test_rotations_turn_forces_and_virials(reflect, config, system, seed):
    model = testing.perturbed_model(config, seed)
    testing.check_rotation(model.evaluate, fitting(system, config, seed), seed, reflect, tolerance=SYMMETRY)


@budget(40)
@given(configurations, testing.systems(), seeds)
def test_rotations_turn_pair_frames_and_rotation_matrices(config, system, seed):
    model, system = testing.perturbed_model(config, seed), fitting(system, config, seed)
    turn = testing.random_rotation(np.random.default_rng(seed), reflect=seed % 2 == 1)
    cell = None if system.cell is None else system.cell @ turn.T
    before = model.descriptor.evaluate(system.coordinates, system.types, system.cell)
    after = model.descriptor.evaluate(system.coordinates @ turn.T, system.types, cell)
    assume(np.array_equal(before.neighbors, after.neighbors))  # images at equal distances may change places
    for name in ("descriptor", "switch"):
        assert_close("symmetry", getattr(after, name), getattr(before, name), name)
    assert_close("symmetry", after.rotation, before.rotation @ turn.T, "rotation", scale=1e-3)
    used = (before.neighbors >= 0) & tie_free(before.switch)
    assert_close("symmetry", after.direction[used], (before.direction @ turn.T)[used], "direction", scale=1e-3)
    assert_close("symmetry", after.pair[used], before.pair[used], "pair", scale=1e-3)


def tie_free(switch) -> np.ndarray:
    """Slots whose neighbour is at a distance of its own: others may hold each other's numbers after a rotation."""
    gaps = np.abs(switch[:, :, None] - switch[:, None, :]) + np.eye(switch.shape[1])
    return gaps.min(axis=2, initial=1.0) > 1e-9


@budget(40)
@given(configurations, testing.systems(), seeds)
def test_order_of_atoms_is_irrelevant_where_environments_have_mean_zero(config, system, seed):
    model = testing.perturbed_model(config, seed, statistics="centered")
    testing.check_permutation(model.evaluate, fitting(system, config, seed), seed, tolerance=SYMMETRY)


@budget(40)
@given(configurations, testing.systems(), seeds)
def test_order_of_atoms_is_irrelevant_as_long_as_the_first_stays(config, system, seed):
    model = testing.perturbed_model(config, seed, statistics="any")
    testing.check_permutation(model.evaluate, fitting(system, config, seed), seed, True, tolerance=SYMMETRY)


def test_type_of_the_first_atom_matters_where_environments_have_a_mean():
    """Section 9.2: a property of the reference, and the control of the two tests above."""
    model = testing.perturbed_model(testing.small_config(), statistics="computed")
    with pytest.raises(AssertionError, match="new order"):
        testing.check_permutation(model.evaluate, testing.water_box(2), seed=1, tolerance=SYMMETRY)


@budget(40)
@given(configurations, testing.systems(periodic=True, atoms=(1, 5)), seeds)
def test_images_are_the_same_atom(config, system, seed):
    model = testing.perturbed_model(config, seed, statistics="any")
    testing.check_images(model.evaluate, fitting(system, config, seed), seed, tolerance=SYMMETRY)


@budget(30)
@given(configurations, testing.systems(periodic=True, atoms=(1, 3)), st.permutations([1, 1, 2]), seeds)
def test_supercells_are_several_cells(config, system, repeats, seed):
    model = testing.perturbed_model(config, seed, statistics="any")
    testing.check_supercell(model.evaluate, fitting(system, config, seed), repeats, tolerance=SYMMETRY)


# Neighbour lists from outside


@budget(40)
@given(configurations, testing.systems(atoms=(1, 5)), seeds)
def test_order_and_gaps_of_a_given_list_are_irrelevant(config, system, seed):
    model, system = testing.perturbed_model(config, seed, statistics="any"), fitting(system, config, seed)
    (inside,) = evaluated(model, system)
    rng = np.random.default_rng(seed)
    shifts, positions = oracles.extended_atoms(wrapped_coordinates(system), system.cell, config.repinit.cutoff)
    types, n = np.tile(system.types, len(shifts)), len(system.types)
    rows = [oracles.nearest(i, positions, types, 1.3 * config.repinit.cutoff) for i in range(n)]
    width = 3 + max(map(len, rows))
    nlist = np.stack([rng.permutation(row + [-1] * (width - len(row))) for row in rows])
    mapping = np.tile(np.arange(n), len(shifts))
    at_scale(model.evaluate_extended(positions, types, nlist, mapping), inside, "extended", "extended")


def wrapped_coordinates(system: System):
    from dpa2.structures.lattice import wrapped

    return wrapped(system.coordinates, system.cell)


# Forces and virials


@budget(40)
@given(testing.configurations(activations=SMOOTH_ACTIVATIONS, smooth=True), testing.systems(atoms=(2, 5)), seeds)
def test_forces_and_virials_are_slopes_of_the_energy(config, system, seed):
    model, system = testing.perturbed_model(config, seed, statistics="centered"), fitting(system, config, seed)
    testing.check_forces(model.evaluate, system, seed, tolerance=DIFFERENCES)
    testing.check_virial(model.evaluate, system, seed, tolerance=DIFFERENCES)


def isolated_system(case: str) -> System:
    """Systems in which some or all atoms see nothing."""
    lone = np.array([[0.0, 0.0, 0.0], [1.0, 0.2, 0.0], [0.1, 1.3, 0.2], [30.0, 0.0, 0.0]])
    return {
        "one atom": System(np.zeros((1, 3)), [0]),
        "one atom in a wide cell": System(np.ones((1, 3)), [0], 20.0 * np.eye(3)),
        "a lone atom": System(lone, [0, 0, 0, 0]),
        "only lone atoms": System(10.0 * np.arange(9.0).reshape(3, 3), [0, 0, 0]),
        "a virtual first atom": System(lone, [-1, 0, 0, 0]),
        "virtual atoms only": System(lone, [-1, -1, -1, -1]),
    }[case]


CASES = ("one atom", "one atom in a wide cell", "a lone atom", "only lone atoms", "a virtual first atom")


@pytest.mark.parametrize("library", EAGER)
@pytest.mark.parametrize("case", [*CASES, "virtual atoms only"])
@budget(12)
@given(configurations, seeds)
def test_energies_and_forces_are_finite_where_atoms_see_nothing(case, library, config, seed):
    model, system = testing.perturbed_model(config, seed, library, statistics="any"), isolated_system(case)
    (found,) = evaluated(model, system)
    assert all(np.isfinite(getattr(found, field)).all() for field in FIELDS)
    hidden = np.asarray(system.types) < 0
    assert not found.atom_energy[hidden].any()
    assert not found.forces[hidden].any()


@budget(20)
@given(testing.configurations(excluded_pairs=((0, 0), (0, 1), (1, 1)), types=("O", "H")), testing.systems(), seeds)
def test_excluding_all_pairs_leaves_no_forces(config, system, seed):
    (found,) = evaluated(testing.perturbed_model(config, seed, statistics="any"), system)
    for one in (found,):
        assert np.isfinite(one.energy)
        assert not one.forces.any()
        assert not one.virial.any()


@budget(20)
@given(testing.configurations(excluded_types=(0, 1), types=("O", "H")), testing.systems(), seeds)
def test_excluding_all_types_leaves_no_energy(config, system, seed):
    (found,) = evaluated(testing.perturbed_model(config, seed, statistics="any"), system)
    assert not any(getattr(found, field).any() for field in FIELDS)


@budget(20)
@given(configurations, testing.systems(atoms=(2, 6)), seeds)
def test_virtual_atoms_are_as_good_as_absent(config, system, seed):
    """Where no mean asks for the type of the first atom."""
    model, system = testing.perturbed_model(config, seed, statistics="centered"), fitting(system, config, seed)
    hidden = np.random.default_rng(seed).uniform(size=len(system.types)) < 0.4
    assume(not hidden.all())
    with_virtual = dataclasses.replace(system, types=np.where(hidden, -1, system.types))
    without = dataclasses.replace(system, coordinates=system.coordinates[~hidden], types=system.types[~hidden])
    found, expected = evaluated(model, with_virtual, without)
    kept = dataclasses.replace(found, forces=found.forces[~hidden], atom_energy=found.atom_energy[~hidden])
    at_scale(kept, expected, "without virtual atoms")


# Locality


@budget(20)
@given(configurations, testing.systems(periodic=False, atoms=(2, 6)), seeds)
def test_atoms_out_of_reach_change_not_a_single_bit(config, system, seed):
    model, system = testing.perturbed_model(config, seed, statistics="centered"), fitting(system, config, seed)
    pair = np.array([[200.0, 0.0, 0.0], [201.3, 0.0, 0.0]])
    types = np.append(system.types, [0, 0])
    far = System(np.append(system.coordinates, pair, axis=0), types)
    testing.check_locality(model.evaluate, far, len(types) - 1, to=[200.9, 1.1, 0.4], reach=reach(config))


def reach(config) -> float:
    return config.repinit.cutoff + config.repformer.layers * config.repformer.cutoff


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_an_atom_feels_one_cutoff_of_the_repformer_further_with_each_layer(layers):
    """And no further: the last layer's cutoff, those of the other layers, and that of repinit."""
    small, short = testing.small_config(), {"cutoff": 2.9, "inner_cutoff": 2.5, "max_neighbors": 6}
    repformer = dataclasses.replace(small.repformer, layers=layers, **short)
    repinit = dataclasses.replace(small.repinit, cutoff=4.0, inner_cutoff=3.7, max_neighbors=8)
    config = testing.small_config(types=("H",), repinit=repinit, repformer=repformer, three_body=None)
    model = testing.perturbed_model(config, statistics="centered")
    chain = np.zeros((25, 3))
    chain[:, 0] = 1.2 * np.arange(25)  # two neighbours to either side in the repformer, three in repinit
    still = model.evaluate(chain, [0] * 25).atom_energy[0]
    feels = []
    for k in range(1, 25):
        moved = chain.copy()
        moved[k, 1] = 0.5
        feels.append(model.evaluate(moved, [0] * 25).atom_energy[0] != still)
    farthest = 3 + 2 * layers
    assert feels == [k <= farthest for k in range(1, 25)]


# Layout


SHAPES = st.builds(
    ChunkShape,
    size=st.integers(1, 9),
    step=st.integers(1, 9),
    uniform=st.sets(st.sampled_from(LISTS)).map(tuple),
    filled=st.booleans(),
    ordered=st.booleans(),
    width_cache=st.none() | st.builds(WidthCache),
    min_size=st.none() | st.integers(1, 9),
)


@pytest.mark.parametrize("roomy", [True, False])
@budget(40)
@given(st.data(), testing.systems(virtual=True), SHAPES, seeds)
def test_layout_of_blocks_is_irrelevant(roomy, data, system, shape, seed):
    config = data.draw(testing.configurations(roomy=roomy))
    model = testing.perturbed_model(config, seed, statistics="any")
    system = dataclasses.replace(system, types=np.minimum(system.types, len(config.types) - 1))
    (expected,) = evaluated(model, system)
    model = on(model, model.backend.with_shape(shape))
    at_scale(evaluated(model, system)[0], expected, str(shape))


@pytest.mark.parametrize("roomy", [True, False])
@budget(30)
@given(st.data(), testing.systems(virtual=True, atoms=(1, 4)), seeds)
def test_empty_slots_contribute_what_stored_ones_would(roomy, data, system, seed):
    """Narrow lists against lists as wide as the model's max_neighbors, every slot stored (section 9)."""
    config = data.draw(testing.configurations(roomy=roomy))
    model = testing.perturbed_model(config, seed, statistics="any")
    system = dataclasses.replace(system, types=np.minimum(system.types, len(config.types) - 1))
    (narrow,) = evaluated(model, system)
    model = on(model, model.backend.with_shape(ChunkShape(size=2, step=config.repinit.max_neighbors)))
    chunk = model.prepare_systems([system], neighbors="truncate").chunks[0]
    assert chunk.near.shape[1] == config.repinit.max_neighbors
    assert chunk.repformer_width == config.repformer.max_neighbors
    at_scale(narrow, evaluated(model, system)[0], "narrow")


@budget(40)
@given(configurations, st.lists(testing.systems(atoms=(1, 4)), min_size=2, max_size=4), seeds)
def test_company_of_other_systems_is_irrelevant(config, systems, seed):
    model = testing.perturbed_model(config, seed, statistics="any")
    systems = [fitting(s, config, seed + k) for k, s in enumerate(systems)]
    for found, system in zip(evaluated(model, *systems), systems, strict=True):
        at_scale(found, evaluated(model, system)[0], "alone")


# Libraries


@pytest.mark.parametrize("roomy", [True, False])
@budget(40)
@given(st.data(), testing.systems(virtual=True), seeds)
def test_numpy_torch_and_the_bare_standard_agree(roomy, data, system, seed):
    config = data.draw(testing.configurations(roomy=roomy))
    model = testing.perturbed_model(config, seed, statistics="any")
    system = dataclasses.replace(system, types=np.minimum(system.types, len(config.types) - 1))
    (expected,) = evaluated(model, system)
    at_scale(evaluated(moved(model, "torch"), system)[0], expected, "torch", "libraries")
    at_scale(evaluated(strict(model), system)[0], expected, "strict", "libraries")


@budget(2)
@given(configurations, testing.systems(atoms=(3, 3), periodic=True), seeds)
def test_numpy_and_jax_agree(config, system, seed):
    model, system = testing.perturbed_model(config, seed, statistics="any"), fitting(system, config, seed)
    (expected,) = evaluated(model, system)
    at_scale(evaluated(model.to("jax"), system)[0], expected, "jax", "libraries")


@budget(6)
@given(testing.configurations(parameters=True), testing.systems(), seeds)
def test_fitting_parameters_enter_alike_on_numpy_and_torch(config, system, seed):
    model, system = testing.perturbed_model(config, seed), fitting(system, config, seed)
    rng, fit = np.random.default_rng(seed), config.fitting
    frame = rng.normal(size=fit.frame_parameters) if fit.frame_parameters else None
    atom = rng.normal(size=(len(system.types), fit.atom_parameters)) if fit.atom_parameters else None
    system = dataclasses.replace(system, frame_parameters=frame, atom_parameters=atom)
    at_scale(evaluated(moved(model, "torch"), system)[0], evaluated(model, system)[0], "torch", "libraries")


@pytest.mark.parametrize("library", EAGER)
@budget(15)
@given(testing.configurations(activations=SMOOTH_ACTIVATIONS), testing.systems(), seeds)
def test_single_precision_approximates_double(library, config, system, seed):
    model, system = testing.perturbed_model(config, seed, statistics="any"), fitting(system, config, seed)
    (expected,) = evaluated(model, system)
    at_scale(evaluated(moved(model, library, "float32"), system)[0], expected, "float32", "single precision")
