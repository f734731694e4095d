"""Water at constant energy in programs of JAX: each of them makes many steps, and renews the neighbours itself.

    python examples/nve_jax.py [BLOCKS [STEPS]]

Prints time, potential and total energy after each block of steps.
"""

from __future__ import annotations

import sys

import jax
import numpy as np

import dpa2

jax.config.update("jax_enable_x64", True)

BOX = dpa2.testing.water_box(8)
MASSES = np.where(np.array(BOX.types) == "O", 15.999, 1.008)[:, None]  # u
FEMTOSECOND = 0.09822694750253231  # in Å √(u/eV)
TIME = 0.5 * FEMTOSECOND
KELVIN = 8.617333262e-5  # eV


def step(state, _):
    """A step of velocity Verlet; candidates are searched anew, within the program, where they have become stale."""
    potential, positions, velocities, forces, _ = state
    velocities = velocities + 0.5 * TIME * forces / MASSES
    positions = positions + TIME * velocities
    potential = jax.lax.cond(potential.stale(positions), lambda old: old.update(positions), lambda old: old, potential)
    energy, forces, _ = potential(positions)
    velocities = velocities + 0.5 * TIME * forces / MASSES
    return (potential, positions, velocities, forces, energy), None


@jax.jit
def block(state, empty):
    """As many steps as `empty` has numbers."""
    return jax.lax.scan(step, state, empty)[0]


def start(model):
    """The state at 300 K: potential, positions, velocities, forces, energy."""
    potential = model.potential(BOX)
    speeds = np.sqrt(300.0 * KELVIN / MASSES)
    velocities = speeds * np.random.default_rng(0).standard_normal(BOX.coordinates.shape)
    velocities -= (MASSES * velocities).sum(axis=0) / MASSES.sum()
    positions = jax.numpy.asarray(BOX.coordinates)
    energy, forces, _ = potential(positions)
    return potential, positions, jax.numpy.asarray(velocities), forces, energy


def main(blocks: int = 10, steps: int = 20) -> None:
    """Run blocks of steps; one that ends without numbers is repeated with more room for neighbours."""
    state = start(dpa2.load(dpa2.demo.WATER, "jax", dtype="float64"))
    print("      fs    potential        total, eV")
    for number in range(1, blocks + 1):
        before, state = state, block(state, np.zeros(steps))
        while np.isnan(state[-1]):
            potential, positions, *others = before
            before = (potential.renew(positions), positions, *others)
            state = block(before, np.zeros(steps))
        _, _, velocities, _, energy = state
        total = energy + 0.5 * (MASSES * velocities**2).sum()
        print(f"{number * steps * TIME / FEMTOSECOND:8.1f} {energy:12.6f} {total:16.6f}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
