"""Potentials under the transformations of PyTorch and JAX: derivatives, one program for a step, loops of steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tolerances import assert_close

from dpa2.testing import perturbed_model, small_config, water_box

BOX = water_box(4, seed=3)
STEPS, TIME = 12, 0.05  # the units of time are Å √(u/eV), 10.18 fs
EXACT = {"rtol": 1e-12, "atol": 1e-13}


def on(library: str):
    return perturbed_model(small_config(), seed=0).to(library)


def test_pytorch_differentiates_a_potential_by_positions_and_cell():
    torch = pytest.importorskip("torch")
    model = on("torch")
    potential = model.potential(BOX)
    positions, cell = (torch.tensor(x, requires_grad=True) for x in (BOX.coordinates, BOX.cell))
    strain = torch.zeros((3, 3), dtype=torch.float64, requires_grad=True)
    shape = torch.eye(3, dtype=torch.float64) + strain
    energy, forces, virial = potential(positions @ shape, cell @ shape)
    slope, strained = torch.autograd.grad(energy, [positions, strain], create_graph=True)
    np.testing.assert_allclose(slope.detach(), -forces.detach(), **EXACT)
    np.testing.assert_allclose(strained.detach(), -virial.detach(), **EXACT)
    row = torch.autograd.grad(slope[1, 2], positions, retain_graph=True)[0]
    assert_close("reference", row.numpy(), model.hessian(BOX)[1, 2].numpy(), "a row of the Hessian")
    assert not potential(positions.detach()).energy.requires_grad
    assert not potential.update(positions @ shape, cell @ shape).origin.positions.requires_grad


def test_jax_differentiates_and_vectorises_a_potential():
    jax = pytest.importorskip("jax")
    model = on("jax")
    potential = model.potential(BOX)
    expected = model.evaluate(BOX)

    def energy(positions, strain):
        shape = jax.numpy.eye(3) + strain
        return potential(positions @ shape, BOX.cell @ shape).energy

    slope, strained = jax.jit(jax.grad(energy, argnums=(0, 1)))(BOX.coordinates, np.zeros((3, 3)))
    np.testing.assert_allclose(slope, -expected.forces, **EXACT)
    np.testing.assert_allclose(strained, -expected.virial, **EXACT)
    several = np.stack([BOX.coordinates, BOX.coordinates + 0.05 * np.sin(np.arange(36)).reshape(12, 3)])
    found = jax.jit(jax.vmap(potential))(several)
    for k, positions in enumerate(several):
        np.testing.assert_allclose(found.forces[k], model.evaluate(replace(BOX, coordinates=positions)).forces, **EXACT)


def test_jax_makes_one_program_of_a_step_which_serves_a_renewed_potential():
    jax = pytest.importorskip("jax")
    model = on("jax")
    step = jax.jit(lambda potential, positions: potential(positions))
    potential, positions = model.potential(BOX), jax.numpy.asarray(BOX.coordinates)
    step(potential, positions)
    renewed, there = potential.renew(positions + 0.01), positions + 0.01
    with jax.transfer_guard("disallow"):
        found = step(renewed, there)
    assert step._cache_size() == 1
    np.testing.assert_allclose(found.forces, model.evaluate(replace(BOX, coordinates=there)).forces, **EXACT)


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_no_number_is_brought_to_the_host(library, monkeypatch):
    model = on(library)
    potential, positions = model.potential(BOX), model.backend.asarray(BOX.coordinates)
    if library == "torch":
        model = replace(model, backend=model.backend.uncompiled())  # without the help of NumPy, as on a GPU
        potential = model.potential(BOX)
    before = potential(positions)

    def refuse(self, x):
        raise AssertionError("an array was brought to the host")

    monkeypatch.setattr(type(model.backend), "to_numpy", refuse)
    assert float(potential(positions).energy) == float(before.energy)
    assert not potential.stale(positions)


MASSES = np.where(np.array(BOX.types) == "O", 15.999, 1.008)[:, None]


def begun(positions, velocities, forces):
    """Positions after a step of velocity Verlet, and velocities in its middle."""
    velocities = velocities + 0.5 * TIME * forces / MASSES
    return positions + TIME * velocities, velocities


def ended(velocities, energy, forces):
    """Velocities after the step, and the total energy."""
    velocities = velocities + 0.5 * TIME * forces / MASSES
    return velocities, energy + 0.5 * (MASSES * velocities**2).sum()


def test_a_loop_of_steps_inside_one_program_of_jax_is_the_loop_of_evaluations():
    jax = pytest.importorskip("jax")
    model = on("jax")

    def step(state, _):
        potential, positions, velocities, forces = state
        positions, velocities = begun(positions, velocities, forces)
        stale = potential.stale(positions)
        potential = jax.lax.cond(stale, lambda it, x: it.update(x), lambda it, x: it, potential, positions)
        energy, forces, _ = potential(positions)
        velocities, total = ended(velocities, energy, forces)
        return (potential, positions, velocities, forces), (total, stale)

    potential, resting = model.potential(BOX, skin=0.004), np.zeros_like(BOX.coordinates)
    start = potential, BOX.coordinates, resting, potential(BOX.coordinates).forces
    (_, found, *_), (totals, stale) = jax.jit(lambda state: jax.lax.scan(step, state, length=STEPS))(start)

    def evaluated(positions):
        out = model.evaluate(replace(BOX, coordinates=positions))
        return float(out.energy), np.asarray(out.forces)

    positions, velocities, expected = BOX.coordinates, resting, []
    energy, forces = evaluated(positions)
    for _ in range(STEPS):
        positions, velocities = begun(positions, velocities, forces)
        energy, forces = evaluated(positions)
        velocities, total = ended(velocities, energy, forces)
        expected.append(total)
    assert 0 < stale.sum() < STEPS
    np.testing.assert_allclose(found, positions, rtol=0, atol=1e-12)
    np.testing.assert_allclose(totals, expected, rtol=1e-12)
    assert np.ptp(expected) < 0.05 * (expected[-1] - energy)  # kinetic
