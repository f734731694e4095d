"""A small model with labelled frames, to train."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import dpa2
from dpa2 import testing
from dpa2.training.losses import Labels, LossSettings, Prefactor

EVERY = LossSettings(
    energy=Prefactor(1.0, 2.0), forces=Prefactor(20.0, 1.0), virial=Prefactor(0.3, 1.0), atom_energy=Prefactor(0.5, 1.0)
)


def systems(seed: int = 1) -> list:
    """Frames of different sizes, periodic and not, one with a virtual atom."""
    rng = np.random.default_rng(seed)
    drawn = [testing.random_system(rng, atoms, 2, periodic=atoms != 4) for atoms in (5, 4, 7)]
    types = np.array(drawn[2].types)
    types[3] = -1
    return [*drawn[:2], dpa2.System(drawn[2].coordinates, types, drawn[2].cell)]


def labels(seed: int = 2) -> Labels:
    rng = np.random.default_rng(seed)
    return Labels(rng.normal(size=3), rng.normal(size=(3, 7, 3)), rng.normal(size=(3, 3, 3)), rng.normal(size=(3, 7)))


@cache
def model(library: str, **changes) -> dpa2.Model:
    pytest.importorskip(library)
    return testing.perturbed_model(testing.small_config(**changes), backend=library)
