"""Steps at constant energy, many in a call: inside a program of JAX, inside torch-sim, and one by one in Python.

The system is water with types O and H. Atoms start at rest; times are in Å √(u/eV), 10.18 fs.
"""

from __future__ import annotations

import numpy as np

TIME = 0.02  # of a step
FEMTOSECOND = 1 / 10.1805


def masses(types) -> np.ndarray:
    """Return the masses (atom, 1), u."""
    return np.where(np.asarray(types) == 0, 15.999, 1.008)[:, None]


def begun(positions, velocities, forces, mass):
    """Return positions after a step of velocity Verlet, and velocities in its middle."""
    velocities = velocities + 0.5 * TIME * forces / mass
    return positions + TIME * velocities, velocities


def in_jax(task, model, system):
    """Return the function that makes all steps inside one program, which renews the list by itself."""
    import jax

    mass = jax.numpy.asarray(masses(system.types))
    potential, positions = model.potential(system), model.backend.asarray(system.coordinates)

    def step(state, _):
        it, here, velocities, forces = state
        here, velocities = begun(here, velocities, forces, mass)
        it = jax.lax.cond(it.stale(here), lambda p, x: p.update(x), lambda p, x: p, it, here)
        energy, forces, _ = it(here)
        return (it, here, velocities + 0.5 * TIME * forces / mass, forces), energy

    loop = jax.jit(lambda state: jax.lax.scan(step, state, length=task.steps))
    state = potential, positions, 0.0 * positions, potential(positions).forces
    return lambda: {"energy": np.asarray(loop(state)[1][-1])}


def scanned(task, evaluate, positions, mass):
    """Return the same for a function that returns energy and forces with a list that is never renewed."""
    import jax

    def step(state, _):
        here, velocities, forces = state
        here, velocities = begun(here, velocities, forces, mass)
        energy, forces = evaluate(here)
        return (here, velocities + 0.5 * TIME * forces / mass, forces), energy

    loop = jax.jit(lambda state: jax.lax.scan(step, state, length=task.steps))
    state = positions, 0.0 * positions, jax.jit(evaluate)(positions)[1]
    return lambda: {"energy": np.asarray(loop(state)[1][-1])}


def one_by_one(task, evaluate, positions, mass):
    """Return the function that makes one step after another with PyTorch's arrays, with a list that is not renewed."""

    def run():
        here, velocities, (energy, forces) = positions, 0.0 * positions, evaluate(positions)
        for _ in range(task.steps):
            here, velocities = begun(here, velocities, forces, mass)
            energy, forces = evaluate(here)
            velocities = velocities + 0.5 * TIME * forces / mass
        return {"energy": energy.cpu().numpy()}

    return run


def in_torch_sim(task, model, system):
    """Return the function that makes all steps with torch-sim's integrator."""
    import ase
    import torch
    import torch_sim as ts
    from torch_sim.units import MetalUnits

    from dpa2.interfaces.torch_sim import DPA2Model

    wrapped = DPA2Model(model, device=task.device, skin=1.0)
    names = np.array(model.type_map)[system.types]
    atoms = ase.Atoms(names, system.coordinates, cell=system.cell, pbc=True)
    dt = torch.tensor(TIME / FEMTOSECOND * MetalUnits.time / 1000, dtype=wrapped.dtype, device=wrapped.device)
    start = ts.initialize_state([atoms], wrapped.device, wrapped.dtype)
    nothing = torch.tensor(0.0, dtype=wrapped.dtype, device=wrapped.device)

    begin, step = ts.integrators.nve(wrapped, dt=dt, kT=nothing)

    def run():
        state = begin(start.clone())
        for _ in range(task.steps):
            state = step(state)
        return {"energy": state.energy.cpu().numpy()}

    return run
