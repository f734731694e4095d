"""Training with JAX on energies and forces: python examples/train_jax.py MODEL DATA NEW_MODEL [STEPS].

The steps are those of Adam, written out; an optimizer of optax takes their place in two lines.
"""

from __future__ import annotations

import sys

import jax
import jax.numpy as jnp
import numpy as np

import dpa2


def train(model: dpa2.Model, frames, steps: int, rate: float = 1e-3) -> tuple[dpa2.Model, list[float]]:
    """Return the trained model, and the loss at each step."""
    model = dpa2.fit_output_bias(model, frames)  # the energy of each type, by which energies begin near the data
    prepared = model.prepare_systems(frames)  # neighbours are searched once
    weights, function = model.as_pytree()
    energies = jnp.asarray([frame.energy for frame in frames])
    forces = jnp.asarray(np.concatenate([frame.forces for frame in frames]))
    atoms = jnp.asarray([len(frame.forces) for frame in frames])

    def loss(weights):
        found = function(weights, prepared)
        energy_error = (jnp.stack([out.energy for out in found]) - energies) / atoms
        force_error = jnp.concatenate([out.forces for out in found]) - forces
        return (energy_error**2).mean() + (force_error**2).mean()

    @jax.jit
    def step(weights, mean, square, count):
        value, slope = jax.value_and_grad(loss)(weights)  # zero for statistics, the output bias and frozen parameters
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, slope)
        square = jax.tree.map(lambda s, g: 0.999 * s + 0.001 * g * g, square, slope)
        a, b = 1 - 0.9**count, 1 - 0.999**count
        move = jax.tree.map(lambda m, s: rate * (m / a) / (jnp.sqrt(s / b) + 1e-8), mean, square)
        return jax.tree.map(jnp.subtract, weights, move), mean, square, count + 1, value

    mean = square = jax.tree.map(jnp.zeros_like, weights)
    count, losses = jnp.asarray(1), []
    for _ in range(steps):
        weights, mean, square, count, value = step(weights, mean, square, count)
        losses.append(float(value))
    return model.with_state(weights), losses


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    file, folder, target, *rest = sys.argv[1:]
    start = dpa2.load(file, backend="jax")
    trained, losses = train(start, dpa2.read_dataset(folder, start.type_map)[:4], int(rest[0]) if rest else 100)
    print(f"loss {losses[0]:.6g} → {losses[-1]:.6g}")
    dpa2.save(trained, target)
