"""A model in JAX-MD: energies, forces and stresses, and dynamics inside compiled programs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import dpa2
from dpa2.testing import perturbed_model, small_config, water_box

jax = pytest.importorskip("jax")
jax_md = pytest.importorskip("jax_md")

from dpa2.interfaces.jax_md import neighbor_list  # noqa: E402

BOX = water_box(4, seed=3)
MODEL = perturbed_model(small_config(), seed=0).to("jax")
EXACT = {"rtol": 1e-12, "atol": 1e-13}


def test_energies_and_derivatives_by_fractional_positions_and_box_are_those_of_the_model():
    neighbor_fn, energy_fn = neighbor_list(MODEL, BOX.types, BOX.cell.T, fractional_coordinates=True)
    places = BOX.coordinates @ np.linalg.inv(BOX.cell)
    neighbors = neighbor_fn.allocate(places)
    assert not neighbors.did_buffer_overflow

    def energy(places, box):
        return energy_fn(places, neighbor=neighbors, box=box)

    found, (by_places, by_box) = jax.jit(jax.value_and_grad(energy, argnums=(0, 1)))(places + 2.0, BOX.cell.T)
    expected = MODEL.evaluate(BOX)
    np.testing.assert_allclose(found, expected.energy, **EXACT)
    np.testing.assert_allclose(by_places, -np.asarray(expected.forces) @ BOX.cell.T, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(by_box @ BOX.cell, -np.asarray(expected.virial), rtol=1e-9, atol=1e-11)


def test_dynamics_inside_one_program_follow_the_model_while_lists_are_renewed_in_it():
    neighbor_fn, energy_fn = neighbor_list(MODEL, BOX.types, np.diag(BOX.cell), skin=0.06)
    _, shift_fn = jax_md.space.periodic(np.diag(BOX.cell))  # moves atoms back into the box
    start, run = jax_md.simulate.nve(energy_fn, shift_fn, dt=0.02)
    masses = np.where(np.array(BOX.types) == "O", 15.999, 1.008)
    neighbors = neighbor_fn.allocate(BOX.coordinates)

    def step(k, state):
        state, neighbors, totals = state
        state = run(state, neighbor=neighbors)
        neighbors = neighbors.update(state.position)
        total = energy_fn(state.position, neighbor=neighbors) + jax_md.quantity.kinetic_energy(
            momentum=state.momentum, mass=state.mass
        )
        return state, neighbors, totals.at[k].set(total)

    @jax.jit
    def dynamics(neighbors):
        state = start(jax.random.PRNGKey(0), BOX.coordinates, kT=0.05, mass=masses, neighbor=neighbors)
        return jax.lax.fori_loop(0, 8, step, (state, neighbors, jax.numpy.zeros(8)))

    state, last, totals = dynamics(neighbors)
    assert not last.did_buffer_overflow
    assert abs(last.potential.origin.positions - BOX.coordinates).max() > 0.005  # searched anew
    expected = MODEL.evaluate(replace(BOX, coordinates=np.asarray(state.position)))
    np.testing.assert_allclose(state.force, expected.forces, **EXACT)
    assert np.ptp(totals) < 0.02 * abs(totals[-1] - expected.energy)


def test_a_list_without_room_says_so_and_has_no_energy():
    neighbor_fn, energy_fn = neighbor_list(MODEL, BOX.types, np.diag(BOX.cell))
    neighbors = neighbor_fn.allocate(BOX.coordinates)
    dense = neighbors.update(0.6 * BOX.coordinates, box=0.6 * np.diag(BOX.cell))
    assert dense.did_buffer_overflow
    found = energy_fn(0.6 * BOX.coordinates, neighbor=dense, box=0.6 * np.diag(BOX.cell))
    assert np.isnan(found)


def test_a_model_on_another_library_is_refused():
    with pytest.raises(dpa2.BackendError, match="to\\('jax'\\)"):
        neighbor_list(MODEL.to("numpy"), BOX.types)
