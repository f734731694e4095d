"""Every array of a model says what it is, where its field is declared."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import dpa2
from dpa2 import testing
from dpa2.construction.build import skeleton
from dpa2.construction.precision import precision
from dpa2.nn.module import map_roles
from dpa2.testing.strategies import ACTIVATIONS, drawn_config


def configurations() -> list:
    """Many configurations, which together have every tensor."""
    generators = map(np.random.default_rng, range(40))
    return [drawn_config(lambda *c, r=r: c[r.integers(len(c))], ACTIVATIONS, True, False, {}) for r in generators]


def leaves_of(config) -> list:
    found = []
    map_roles(lambda leaf, array: found.append(leaf) or array, skeleton(config))
    return found


def test_every_tensor_has_a_declared_role_and_an_initial_distribution():
    found = [leaf for config in configurations() for leaf in leaves_of(config)]
    assert {leaf.role.kind for leaf in found} == {"parameter", "statistic", "constant"}
    assert all(leaf.role.initial is not None for leaf in found)


def test_statistics_and_biases_are_no_parameters():
    kinds = {leaf.path: leaf.role.kind for config in configurations() for leaf in leaves_of(config)}
    for name in ("bias", "deviation", "fitting.bias", "descriptor.repinit.environment.std", "fitting.frame_mean"):
        assert kinds[name] == "statistic"
    assert kinds["fitting.case"] == "constant"
    assert kinds["descriptor.repformer.layers.0.mlp.weight"] == "parameter"


def test_energies_keep_their_precision_and_the_fitting_net_has_its_own():
    config = testing.small_config(dtype="float32")
    found = {leaf.path: precision(config, leaf) for leaf in leaves_of(config)}
    assert {name for name, dtype in found.items() if dtype == "float64"} == {
        name for name in found if name.startswith("fitting.")
    } | {"bias", "deviation"}


def test_a_new_model_has_no_tables_and_says_so():
    compressed = dpa2.config.Compression(intervals=10)
    config = testing.small_config()
    config = dataclasses.replace(
        config, repinit=dataclasses.replace(config.repinit, type_input="strip", compression=compressed)
    )
    with pytest.raises(dpa2.ConfigurationError, match=r"dpa2\.compress"):
        dpa2.build(config)
