"""Properties, densities of states, dipoles and polarizabilities are the reference's, with their derivatives."""

from __future__ import annotations

import dataclasses
import pickle
from itertools import product

import numpy as np
import pytest
from heads import HEADS, NAMES, ONE_OF_EACH, SAMPLES, expected, sample
from hypothesis import given
from hypothesis import strategies as st
from libraries import COMPILED, EAGER
from tolerances import assert_close

import dpa2
from dpa2 import config, testing
from dpa2.errors import InputError
from dpa2.evaluation.outputs import OUTPUTS
from dpa2.testing.structures import random_rotation, random_system

pytestmark = pytest.mark.filterwarnings("ignore::dpa2.TruncationWarning")  # small boxes hold many images
STEP = 1e-4
BOX = {"coordinates": [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], "types": ["O", "H", "H"]}


def pairs(stems, compiled):
    """Samples with libraries, as parameters; JAX, which compiles for each model, for some of them."""
    chosen = [*product(stems, EAGER), *product(compiled, [COMPILED])]
    return [pytest.param(stem, *library.values, marks=library.marks) for stem, library in chosen]


def numbers(model, result, name):
    return model.backend.to_numpy(getattr(result, name))


def value_name(model) -> str:
    return NAMES[model.kind][2]


@pytest.mark.parametrize(
    ("stem", "library"),
    pairs(SAMPLES, ONE_OF_EACH),
)
def test_values_are_those_of_the_reference(stem, library):
    model = dpa2.load(HEADS / f"{stem}.dp", backend=library)
    structure, found = sample(stem)
    out = model.evaluate(**structure)
    assert isinstance(out, OUTPUTS[model.kind])
    assert out.gradient is None
    for name, array in expected(model, found).items():
        assert_close("samples", numbers(model, out, name), array, f"{stem} {name}")


@pytest.mark.parametrize("stem", ["property", "polar"])
def test_checkpoints_of_the_trainer_hold_the_same_models(stem):
    one, other = (dpa2.load(HEADS / f"{stem}{suffix}") for suffix in (".dp", ".trainer_checkpoint.pt"))
    assert one.config == other.config
    different = {n for n, x in one.state_dict().items() if not np.array_equal(x, other.state_dict()[n])}
    assert different == ({"fitting.bias"} if stem == "property" else set())  # set at random for the sample
    structure, found = sample(stem)
    same = other.with_state(other.state_dict() | {"fitting.bias": one.state_dict()["fitting.bias"]})
    for name, array in expected(same, found).items():
        assert_close("samples", getattr(same.evaluate(**structure), name), array, name)


def moved(structure: dict, atom: int, axis: int, step: float) -> dict:
    coordinates = np.array(structure["coordinates"], dtype=float)
    coordinates[atom, axis] += step
    return structure | {"coordinates": coordinates}


@pytest.mark.parametrize("stem", ONE_OF_EACH)
def test_derivatives_are_the_limits_of_differences(stem):
    model, (structure, _) = dpa2.load(HEADS / f"{stem}.dp"), sample(stem)
    gradient = model.evaluate(**structure, gradient=True).gradient
    for atom, axis in ((0, 0), (4, 2)):
        near, far = (
            [getattr(model.evaluate(**moved(structure, atom, axis, s * k * STEP)), value_name(model)) for s in (1, -1)]
            for k in (1, 2)
        )
        slope = (8 * (near[0] - near[1]) - (far[0] - far[1])) / (12 * STEP)
        assert_close("energy differences", gradient[..., atom, axis], slope, stem, scale=np.abs(gradient).max())


@pytest.mark.parametrize(
    ("stem", "library"),
    pairs(ONE_OF_EACH, ("drawn_dipole", "property_excluded")),
)
def test_derivatives_are_the_same_on_every_library(stem, library):
    (structure, _), file = sample(stem), HEADS / f"{stem}.dp"
    one, other = dpa2.load(file), dpa2.load(file, backend=library)
    found = numbers(other, other.evaluate(**structure, gradient=True), "gradient")
    assert_close("libraries", found, one.evaluate(**structure, gradient=True).gradient, stem)


@pytest.mark.parametrize("library", ["torch", pytest.param("jax", marks=pytest.mark.slow)])
@pytest.mark.parametrize("stem", ["drawn_dipole", "drawn_polar"])
def test_the_adjoint_of_the_rotation_matrix_is_what_automatic_differentiation_gives(stem, library):
    """The derivatives by the weights, through the gradient of a value, have the adjoint in them."""
    model, (structure, _) = dpa2.load(HEADS / f"{stem}.dp", backend=library), sample(stem)
    name = "descriptor.repformer.pair_embedding.weight"
    slope = weight_slope(model, structure, name)
    exact, state = dpa2.load(HEADS / f"{stem}.dp"), dpa2.load(HEADS / f"{stem}.dp").state_dict()
    along = np.cos(np.arange(state[name].size)).reshape(state[name].shape)

    def total(step):
        changed = exact.with_state(state | {name: state[name] + step * along})
        return float((changed.evaluate(**structure, gradient=True).gradient ** 2).sum())

    assert_close("weight differences", (slope * along).sum(), (total(1e-5) - total(-1e-5)) / 2e-5, stem)


def weight_slope(model, structure: dict, name: str) -> np.ndarray:
    """The derivative of the sum of squares of all derivatives by one array of weights."""
    system = dpa2.System(**structure)
    if model.backend.name == "torch":
        module = model.as_module()
        (out,) = module(model.prepare_systems([system]), gradient=True)
        (out.gradient**2).sum().backward()
        return model.backend.to_numpy(dict(module.named_parameters())[name].grad)
    import jax

    weights, function = model.as_pytree()
    prepared = model.prepare_systems([system])
    slopes = jax.grad(lambda w: (function(w, prepared, gradient=True)[0].gradient ** 2).sum())(weights)
    return np.asarray(slopes.descriptor.repformer.pair_embedding.weight)


@pytest.mark.parametrize("library", EAGER)
def test_systems_together_and_snapshots_are_what_each_gives_alone(library):
    model, (structure, _) = dpa2.load(HEADS / "drawn_polar.dp", backend=library), sample("drawn_polar")
    alone = [model.evaluate(**s, gradient=True) for s in (structure, BOX)]
    together = model.evaluate_many([dpa2.System(**structure), dpa2.System(**BOX)], gradient=True)
    for one, other in zip(alone, together, strict=True):
        for field in dataclasses.fields(one):
            assert_close("layout", numbers(model, other, field.name), numbers(model, one, field.name), field.name)
    places = np.stack([structure["coordinates"], structure["coordinates"][:, [1, 2, 0]]])
    stack = model.evaluate(places, structure["types"], gradient=True)
    assert stack.polarizability.shape == (2, 3, 3)
    assert stack.gradient.shape == (2, 3, 3, *places.shape[1:])
    assert "2 snapshots of 8 atoms" in repr(stack)


def test_born_charges_are_derivatives_of_the_dipole_by_atom():
    model, (structure, _) = dpa2.load(HEADS / "drawn_dipole.dp"), sample("drawn_dipole")
    out = model.evaluate(**structure, gradient=True)
    assert out.born_charges.shape == (8, 3, 3)
    assert np.array_equal(out.born_charges[5, 0], out.gradient[0, 5])
    assert_close("samples", out.born_charges.sum(axis=0), np.zeros((3, 3)), "acoustic sum rule", scale=1.0)
    with pytest.raises(InputError, match="gradient=True"):
        _ = model.evaluate(**structure).born_charges


def of_kind(kind: str, **settings):
    base = testing.small_config()
    section = {"property": config.Property, "dos": config.Dos, "dipole": config.Dipole}.get(kind, config.Polarizability)
    return dataclasses.replace(base, fitting=dataclasses.replace(base.fitting, **{kind: section(**settings)}))


@given(st.sampled_from(["dipole", "polarizability"]), st.booleans(), st.booleans(), st.integers(0, 1000))
def test_values_turn_with_the_atoms(kind, periodic, reflect, seed):
    generator = np.random.default_rng(seed)
    model = testing.perturbed_model(of_kind(kind), seed=seed, statistics="computed")
    system = random_system(generator, 5, 2, periodic)
    turn = random_rotation(generator, reflect)
    cell = None if system.cell is None else system.cell @ turn.T
    turned = dpa2.System(system.coordinates @ turn.T, system.types, cell)
    one, other = (getattr(model.evaluate(s, neighbors="truncate"), kind) for s in (system, turned))
    expected = one @ turn.T if kind == "dipole" else turn @ one @ turn.T
    assert_close("symmetry", other, expected, kind, scale=1.0)


def test_an_intensive_property_is_the_mean_over_atoms_that_count():
    model = testing.perturbed_model(of_kind("property", components=2, intensive=True))
    system = testing.water_box(2)
    out, more = model.evaluate(system), model.evaluate(with_virtual_atom(system))
    assert_close("layout", out.property, out.atom_property.mean(axis=0))
    assert_close("layout", more.property, out.property)
    excluded = testing.perturbed_model(dataclasses.replace(model.config, excluded_types=(1,)))
    found = excluded.evaluate(system)
    assert_close("layout", found.property, found.atom_property[np.array(numbered(system)) == 0].mean(axis=0))
    with pytest.raises(InputError, match="of which this system has none"):
        excluded.evaluate([[0, 0, 0], [0.8, 0, 0]], ["H", "H"])


def with_virtual_atom(system):
    coordinates = np.vstack([system.coordinates, [[0.1, 0.1, 0.1]]])
    return dpa2.System(coordinates, [*numbered(system), -1], system.cell)


def numbered(system) -> list[int]:
    """The types of water as indices."""
    return [("O", "H").index(t) for t in system.types]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("stem", ONE_OF_EACH)
def test_lower_precisions_are_near(stem, dtype):
    exact, (structure, _) = dpa2.load(HEADS / f"{stem}.dp"), sample(stem)
    lower = exact.to("torch", dtype=dtype)
    a, b = (numbers(m, m.evaluate(**structure), value_name(exact)) for m in (exact, lower))
    assert np.abs(a - b).max() < {"float32": 1e-4, "bfloat16": 0.2}[dtype] * np.abs(a).max()


def test_what_a_kind_does_not_have_is_named():
    dipole, energy = dpa2.load(HEADS / "dipole.dp"), dpa2.load(dpa2.demo.MODEL)
    with pytest.raises(InputError, match="predicts dipoles"):
        dipole.evaluate(**BOX, atom_virial=True)
    with pytest.raises(InputError, match="forces"):
        energy.evaluate(**BOX, gradient=True)
    with pytest.raises(InputError, match="a Hessian needs a model that predicts energies"):
        dipole.hessian(**BOX)
    with pytest.raises(InputError, match="a Hessian needs a model that predicts energies"):
        dipole.hessian_product(**BOX, vectors=[[0, 0, 0]])
    with pytest.raises(InputError, match="output bias"):
        dpa2.fit_output_bias(dipole, [])
    assert (energy.kind, dipole.kind) == ("energy", "dipole")


def test_an_extended_system_and_a_domain_without_atoms_have_values():
    model = dpa2.load(HEADS / "dipole.dp")
    whole = model.evaluate(**BOX)
    index = [[1, 2], [0, 2], [0, 1]]
    found = model.evaluate_extended(BOX["coordinates"], BOX["types"], index, [0, 1, 2])
    assert_close("extended", found.atom_dipole, whole.atom_dipole)
    empty = model.evaluate_extended(np.zeros((1, 3)), ["O"], np.zeros((0, 1), dtype=int), [0])
    assert empty.dipole.tolist() == [0.0, 0.0, 0.0]
    assert empty.atom_dipole.shape == (0, 3)


def test_models_of_other_kinds_are_pickled_accelerated_and_compared_in_precision():
    model, (structure, _) = dpa2.load(HEADS / "drawn_polar.dp"), sample("drawn_polar")
    exact = model.evaluate(**structure).polarizability
    assert np.array_equal(pickle.loads(pickle.dumps(model)).evaluate(**structure).polarizability, exact)
    assert_close("expansion", model.accelerate(1e-12).evaluate(**structure).polarizability, exact)
