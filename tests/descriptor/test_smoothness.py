"""Energies, forces and their derivatives are continuous wherever a neighbour comes, goes, or changes its place.

No jump is measured by being small, but by the power of the step with which it vanishes: 3 for what is continuous
(each side is extrapolated by a parabola), 0 for what is not.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dpa2 import config as settings
from dpa2 import testing
from dpa2.descriptor import environment

pytestmark = pytest.mark.filterwarnings("ignore::dpa2.TruncationWarning")  # lists are cut on purpose

STEP = 0.02  # Å; halved twice
DELTA = 1e-4  # Å; for derivatives of forces
OTHERS = np.array([[0.0, 0.0, 0.0], [-0.28, 1.1, -1.25], [-0.59, -0.89, -1.57], [1.29, 0.61, -1.32]])
WAY = np.array([0.6, -0.64, -0.48])  # of the atom that moves, from atom 0; of length 1
TYPES = [0, 1, 1, 0, 1]

SMALL = testing.small_config()
STRIP = dataclasses.replace(SMALL.repinit, type_input="strip", one_sided=True, timestep=True)
ATTENTION = dataclasses.replace(SMALL.repinit, attention=settings.NeighborAttention(layers=2, dim=5))
CONFIGS = {
    "concat": SMALL,
    "strip": testing.small_config(repinit=STRIP),
    "attention in repinit": testing.small_config(repinit=ATTENTION),
    "direct distances": testing.small_config(
        repformer=dataclasses.replace(SMALL.repformer, direct_distance=True, pair_attention_gate=False)
    ),
    "protected": testing.small_config(
        protection=0.05, repformer=dataclasses.replace(SMALL.repformer, separate_convolution=False)
    ),
}
DISTANCES = {
    "inner cutoff of repinit": SMALL.repinit.inner_cutoff,
    "cutoff of repinit": SMALL.repinit.cutoff,
    "inner cutoff of the three-body block": SMALL.three_body.inner_cutoff,
    "cutoff of the three-body block": SMALL.three_body.cutoff,
    "inner cutoff of the repformer": SMALL.repformer.inner_cutoff,
    "cutoff of the repformer": SMALL.repformer.cutoff,
    "distance of another neighbour": float(np.linalg.norm(OTHERS[3])),
}


def evaluated(config, distance: float, **options):
    """The model, with one atom at a distance from atom 0."""
    coordinates = np.append(OTHERS, [distance * WAY], axis=0)
    return model(config).evaluate(coordinates, TYPES, **options)


def model(config):
    """Statistics without mean: with one, an empty slot counts as a neighbour of the first atom's type (section 9.2)."""
    if config not in MODELS:
        MODELS[config] = testing.perturbed_model(config, seed=5, statistics="centered")
    return MODELS[config]


MODELS: dict = {}


def paths(config, **options):
    """Energy, forces, and the derivative of forces, as functions of the distance."""

    def forces(r):
        return evaluated(config, r, **options).forces

    return {
        "energy": lambda r: evaluated(config, r, **options).energy,
        "forces": forces,
        "derivative of forces": lambda r: (forces(r + DELTA) - forces(r - DELTA)) / (2 * DELTA),
    }


def only_crossing(at: float) -> bool:
    """Whether nothing else happens nearby, so that a jump is of what it is said to be."""
    to_others = np.linalg.norm(OTHERS - at * WAY, axis=1)
    events = np.array(list(DISTANCES.values()))
    return np.abs(to_others[1:, None] - events[:-1]).min() > 4 * STEP


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("place", DISTANCES)
def test_energies_forces_and_their_derivatives_are_continuous_at_the(place, config):
    at = DISTANCES[place]
    assert only_crossing(at)
    for quantity, path in paths(CONFIGS[config]).items():
        orders = testing.orders_of_jumps(path, at, STEP)
        assert min(orders) > 2.5, f"{quantity}: jumps vanish with orders {orders}"


@pytest.mark.parametrize("config", CONFIGS)
def test_a_neighbour_enters_with_the_third_power_of_its_depth_and_its_force_with_the_second(config):
    """The switch has two derivatives at the cutoff, and no more."""

    def entered(depth):
        x = SMALL.repinit.cutoff - depth
        return model(CONFIGS[config]).evaluate([[-1.1, 0.2, 0.0], [0.0, 0.0, 0.0], [x, 0.0, 0.0]], [0, 1, 0])

    results = [entered(depth) for depth in (0.08, 0.04, 0.02)]
    energies = np.array([result.energy - entered(-0.1).energy for result in results])
    forces = np.array([result.forces[2, 0] for result in results])
    assert np.log2(energies[:-1] / energies[1:]) == pytest.approx(3.0, abs=0.15)
    assert np.log2(forces[:-1] / forces[1:]) == pytest.approx(2.0, abs=0.15)


@pytest.mark.parametrize("quantity", ["forces", "derivative of forces"])
def test_a_switch_with_fewer_derivatives_would_be_noticed(monkeypatch, quantity):
    """Control: with 1 - u² (3 - 2 u), energies have one continuous derivative less."""

    def rough(r, inner, outer):
        u = np.clip((r - inner) / (outer - inner), 0.0, 1.0)
        return 1.0 - u * u * (3.0 - 2.0 * u), lambda dw: dw * -6.0 * u * (1.0 - u) / (outer - inner)

    monkeypatch.setattr(environment, "switch_vjp", rough)
    orders = testing.orders_of_jumps(paths(SMALL)[quantity], SMALL.repformer.cutoff, STEP)
    assert (min(orders) > 2.5) == (quantity == "forces")
    assert quantity == "forces" or abs(orders[-1]) < 0.2


def test_energy_jumps_at_the_repformers_cutoff_if_the_model_is_not_smooth():
    """Control: sections 8.4 to 8.6 then count neighbours."""
    config = testing.small_config(smooth=False)
    orders = testing.orders_of_jumps(paths(config)["energy"], config.repformer.cutoff, STEP)
    assert max(np.abs(orders)) < 0.2


def test_energy_jumps_at_the_cutoff_of_repinit_if_environments_have_a_mean():
    """Control, and trap T3: an empty slot counts as a neighbour of the first atom's type, the new one is of another."""
    made = testing.perturbed_model(SMALL, seed=5, statistics="computed")

    def energy(r):
        return made.evaluate(np.append(OTHERS, [r * WAY], axis=0), TYPES).energy

    orders = testing.orders_of_jumps(energy, SMALL.repinit.cutoff, STEP)
    assert max(np.abs(orders)) < 0.2


def test_energy_jumps_where_neighbours_swap_places_and_only_one_of_them_is_kept():
    """Control: what `neighbors="truncate"` warns of."""
    narrow = {
        "repinit": dataclasses.replace(SMALL.repinit, max_neighbors=3),
        "repformer": dataclasses.replace(SMALL.repformer, max_neighbors=2),
        "three_body": None,
    }
    energy = paths(testing.small_config(**narrow), neighbors="truncate")["energy"]
    orders = testing.orders_of_jumps(energy, DISTANCES["distance of another neighbour"], STEP)
    assert max(np.abs(orders)) < 0.2
