"""Claims that every DPA-2 implementation must satisfy, as functions that run against any of them.

Structures and models to evaluate (`water_box`, `perturbed_model`), strategies that draw them at random
(`systems`, `configurations`; they need Hypothesis), and claims about an evaluation (`check_rotation`, ...). A claim
takes any function `evaluate(coordinates, types, cell)` that returns an object with `energy`, `forces` and `virial`. It
raises `AssertionError` if the claim does not hold, and otherwise returns the deviation that it found.

>>> from dpa2 import testing
>>> model = testing.perturbed_model(testing.small_config(), seed=1)
>>> water = testing.water_box(8, seed=2)
>>> deviation = testing.check_forces(model.evaluate, water)
"""

from .claims import (
    check_forces,
    check_images,
    check_locality,
    check_permutation,
    check_rotation,
    check_supercell,
    check_translation,
    check_virial,
    orders_of_jumps,
)
from .strategies import configurations, systems
from .structures import random_rotation, random_system, scattered_atoms, water_box
from .weights import perturbed_model, perturbed_weights, small_config

__all__ = [
    "check_forces",
    "check_images",
    "check_locality",
    "check_permutation",
    "check_rotation",
    "check_supercell",
    "check_translation",
    "check_virial",
    "configurations",
    "orders_of_jumps",
    "perturbed_model",
    "perturbed_weights",
    "random_rotation",
    "random_system",
    "scattered_atoms",
    "small_config",
    "systems",
    "water_box",
]
