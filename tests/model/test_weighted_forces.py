"""Forces of sums of energies of atoms with weights."""

from __future__ import annotations

import numpy as np
import pytest
from libraries import EAGER
from references import host, moved
from tolerances import assert_close

import dpa2
from dpa2 import demo, testing
from dpa2.model.preparation import with_neighbors
from dpa2.model.weighted import weighted_forces
from dpa2.structures.system import System


def given(model: dpa2.Model):
    """Two systems with their lists, one with a virtual atom, and weights of their atoms."""
    water, cluster = testing.water_box(4, seed=1), testing.water_box(2, seed=2)
    systems = [water, System(cluster.coordinates, [0, 1, 1, -1, 1, 1])]
    generator = np.random.default_rng(0)
    weights = [generator.normal(size=len(system.types)) for system in systems]
    return *with_neighbors(model.config, systems, "strict"), weights


@pytest.mark.parametrize("library", EAGER)
def test_forces_are_slopes_of_the_weighted_energy_on_every_library(library):
    model = moved(dpa2.load(demo.MODEL), library)
    systems, lists, weights = given(model)
    found = weighted_forces(model, systems, lists, weights)
    numpy, h = dpa2.load(demo.MODEL), 1e-4
    for out, system, w in zip(found, systems, weights, strict=True):
        move = np.random.default_rng(1).normal(size=system.coordinates.shape)
        steps = (1, -1, 2, -2)
        moved_to = [System(system.coordinates + k * h * move, system.types, system.cell) for k in steps]
        one, back, two, twice_back = (float(numpy.evaluate(x).atom_energy @ w) for x in moved_to)
        slope = (8 * (one - back) - (two - twice_back)) / (12 * h)
        assert -(host(model, out.forces) * move).sum() == pytest.approx(slope, rel=1e-6, abs=1e-9)


def test_weights_of_one_give_the_forces_and_virials_of_an_evaluation():
    model = dpa2.load(demo.MODEL)
    systems, lists, weights = given(model)
    ones = weighted_forces(model, systems, lists, [np.ones_like(w) for w in weights])
    parts = [weighted_forces(model, systems, lists, ws) for ws in (weights, [1 - w for w in weights])]
    for one, expected, *shares in zip(ones, model.compute(systems, lists), *parts, strict=True):
        assert np.array_equal(one.forces, expected.forces)
        assert np.array_equal(one.virial, expected.virial)
        assert_close("libraries", sum(part.forces for part in shares), expected.forces)
        assert_close("libraries", sum(part.virial for part in shares), expected.virial)
        assert all(np.array_equal(part.atom_energy, expected.atom_energy) for part in shares)
