"""Second derivatives: symmetric, blind to rigid motion, the same on all libraries, and those of the forces."""

from __future__ import annotations

import numpy as np
import pytest
from libraries import EAGER, LIBRARIES
from references import DATA, frames

import dpa2
from dpa2.errors import InputError

pytestmark = pytest.mark.filterwarnings("ignore::dpa2.TruncationWarning")  # lists are cut on purpose

CASE = DATA / "cases" / "base.dp"
EXACT = 1e-12  # differentiated by the library
BY_DIFFERENCES = 1e-9  # NumPy: rounding of 1e-16 over a step of 1e-4, relative to the largest element


@pytest.fixture(scope="module")
def periodic():
    """Eight atoms in a cell smaller than the cutoff."""
    return frames("base")[2].system


@pytest.fixture(scope="module", params=LIBRARIES)
def found(request, periodic):
    """(library, Hessian as a matrix)"""
    model = dpa2.load(CASE, backend=request.param)
    matrix = model.hessian(periodic.coordinates, periodic.types, periodic.cell, neighbors="truncate")
    return request.param, model.backend.to_numpy(matrix).reshape(24, 24)


def allowed(library: str) -> float:
    return BY_DIFFERENCES if library == "numpy" else EXACT


def test_hessian_is_symmetric(found):
    library, matrix = found
    assert np.abs(matrix - matrix.T).max() <= allowed(library) * np.abs(matrix).max()


def test_moving_all_atoms_together_costs_nothing(found):
    library, matrix = found
    assert np.abs(matrix.reshape(24, 8, 3).sum(axis=1)).max() <= 10 * allowed(library) * np.abs(matrix).max()


def test_hessian_is_the_slope_of_the_forces(found, periodic):
    _, matrix = found
    model, h = dpa2.load(CASE), 1e-4
    for column in (0, 7, 23):
        step = np.zeros(24)
        step[column] = h
        forces = [
            model.evaluate(periodic.coordinates + sign * step.reshape(8, 3), periodic.types, periodic.cell,
                           neighbors="truncate").forces.ravel()
            for sign in (1, -1)
        ]  # fmt: skip
        slope = -(forces[0] - forces[1]) / (2 * h)
        assert np.abs(matrix[column] - slope).max() <= 1e-5 * np.abs(matrix).max()


@pytest.mark.parametrize("axis", range(3))
def test_turning_a_cluster_turns_the_gradient_with_it(axis):
    """g(R r) = R g(r), so H (ω × r) = ω × g: where forces vanish, turning costs nothing."""
    model, cluster = dpa2.load(dpa2.demo.MODEL), frames("base")[1].system  # the cases' statistics favour directions
    cluster = dpa2.System(cluster.coordinates[:6], cluster.types[:6])
    spin = np.eye(3)[axis]
    matrix = model.hessian(cluster.coordinates, cluster.types).reshape(18, 18)
    gradient = -model.evaluate(cluster.coordinates, cluster.types).forces
    found = matrix @ np.cross(spin, cluster.coordinates).ravel()
    assert np.abs(gradient).max() > 1e-4
    assert np.abs(found - np.cross(spin, gradient).ravel()).max() <= 1e-8 * np.abs(matrix).max()


VECTORS = np.random.default_rng(5).normal(size=(3, 8, 3))
SHIFT = np.broadcast_to([1.0, -2.0, 0.5], (1, 8, 3))


@pytest.fixture(scope="module")
def products(found, periodic):
    """(library, vectors, their products with the Hessian, the Hessian)"""
    library, matrix = found
    model, vectors = dpa2.load(CASE, backend=library), np.concatenate([VECTORS, 1e3 * VECTORS[:1], SHIFT])
    several = model.hessian_product(periodic.coordinates, periodic.types, periodic.cell, vectors, neighbors="truncate")
    assert type(several) is type(model.backend.asarray(vectors))
    return library, vectors, model.backend.to_numpy(several), matrix


def off(found, expected) -> float:
    return np.abs(found - expected).max() / np.abs(expected).max()


def test_products_are_those_of_the_whole_hessian(products):
    library, vectors, several, matrix = products
    for vector, product in zip(vectors[:-1], several[:-1], strict=True):
        assert off(product.ravel(), matrix @ vector.ravel()) <= (1e-8 if library == "numpy" else 1e-12)


@pytest.mark.parametrize("library", EAGER)
def test_products_are_minus_the_slopes_of_the_forces(library):
    """By differences of another order and step than those of NumPy, where no pair is near a cutoff."""
    model, types = dpa2.load(dpa2.demo.MODEL, backend=library), ["O", "H", "H"] * 2
    coordinates = np.array([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0], [2.8, 0.3, 0.5], [3.3, -0.4, 0.9], [3.2, 1, 0]])
    vector, h = np.random.default_rng(1).uniform(-1, 1, coordinates.shape), 3e-4

    def forces(steps):
        return model.backend.to_numpy(model.evaluate(coordinates + steps * h * vector, types).forces)

    slope = (45 * (forces(1) - forces(-1)) - 9 * (forces(2) - forces(-2)) + forces(3) - forces(-3)) / (60 * h)
    product = model.backend.to_numpy(model.hessian_product(coordinates, types, None, vector))
    assert off(product, -slope) <= 1e-8


def test_products_are_symmetric(products):
    library, vectors, several, _ = products
    table = np.einsum("unx,vnx->uv", vectors[:3], several[:3])
    assert np.abs(table - table.T).max() <= (1e-8 if library == "numpy" else 1e-12) * np.abs(table).max()
    assert np.abs(table - np.diag(np.diag(table))).max() > 0.01 * np.abs(table).max()


def test_the_product_with_a_translation_is_zero(products):
    library, _, several, matrix = products
    assert np.abs(several[-1]).max() <= 10 * allowed(library) * np.abs(matrix).max()


def test_one_vector_has_the_product_that_it_has_among_others(products, periodic):
    library, vectors, several, _ = products
    model = dpa2.load(CASE, backend=library)
    one = model.hessian_product(periodic, vectors=model.backend.asarray(vectors[1]), neighbors="truncate")
    assert np.array_equal(model.backend.to_numpy(one), several[1])


@pytest.mark.parametrize("size", [1, 3, 8])
def test_products_do_not_depend_on_how_atoms_are_divided_into_chunks(periodic, size):
    """NumPy's differences, so to their error; virtual atoms have zeros."""
    model = dpa2.load(CASE)
    types = np.where(np.arange(8) == 2, -1, periodic.types)
    whole, parts = (
        m.hessian_product(periodic.coordinates, types, periodic.cell, VECTORS, neighbors="truncate")
        for m in (model.to(chunk=8), model.to(chunk=size))
    )
    assert off(parts, whole) <= 1e-8
    assert not parts[:, 2].any()
    assert np.abs(parts).max() > 0


@pytest.mark.parametrize(("vectors", "words"), [
    (None, "are missing"), (np.zeros((2, 8)), "have shape"), (np.zeros((0, 2, 3)), "have shape"),
    (np.zeros((1, 1, 2, 3)), "have shape"), ([[0, 0, np.nan], [0, 0, 0]], "atom 0 has"),
    ("x", "must hold real numbers"),
])  # fmt: skip
def test_vectors_that_do_not_belong_to_the_system_are_refused(vectors, words):
    with pytest.raises(InputError, match=f"vectors.*{words}") as caught:
        dpa2.load(dpa2.demo.MODEL).hessian_product([[0, 0, 0], [0.96, 0, 0]], ["O", "H"], vectors=vectors)
    assert caught.value.argument == "vectors"
