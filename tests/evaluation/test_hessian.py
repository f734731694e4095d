"""Second derivatives: symmetric, blind to rigid motion, the same on all libraries, and those of the forces."""

from __future__ import annotations

import numpy as np
import pytest
from libraries import LIBRARIES
from references import DATA, frames

import dpa2

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
