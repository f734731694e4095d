"""Whatever makes a model from a model keeps everything that it does not change."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from libraries import OTHERS

import dpa2
from dpa2 import testing
from dpa2.data import Frame
from dpa2.model.acceleration import Acceleration


def water() -> Frame:
    return Frame(testing.water_box(2), -10.0, *[None] * 4, "water")


CHANGES = {
    "statistics": lambda model: dpa2.compute_statistics(model, [water()]),
    "output bias": lambda model: dpa2.fit_output_bias(model, [water()]),
    "with_state": lambda model: model.with_state(model.state_dict()),
    "accelerate": lambda model: model.accelerate(1e-8),
    "to": lambda model: model.to("numpy", chunk=5),
}


@pytest.fixture(scope="module")
def model():
    made = testing.perturbed_model(testing.small_config(), seed=1).to("numpy", chunk=5).accelerate(1e-8)
    return dataclasses.replace(made, metadata={"min_distance": 0.5})


@pytest.mark.parametrize("change", CHANGES)
def test_settings_stay(change, model):
    changed = CHANGES[change](model)
    assert changed.backend.shape.size == 5
    assert changed.acceleration == Acceleration(1e-8, 0.5)
    assert changed.metadata == {"min_distance": 0.5}
    assert changed.config == model.config


def test_compression_keeps_the_chunk_size_and_replaces_expansions():
    config = testing.small_config()
    config = dataclasses.replace(config, repinit=dataclasses.replace(config.repinit, type_input="strip"))
    changed = dpa2.compress(testing.perturbed_model(config).to("numpy", chunk=5), min_distance=0.8)
    assert changed.backend.shape.size == 5
    assert changed.metadata["min_distance"] == 0.8


@pytest.mark.parametrize("library", OTHERS)
def test_statistics_stay_on_the_library_and_in_the_precision_of_the_model(library):
    model = testing.perturbed_model(testing.small_config(), seed=1).to(library, dtype="float32", chunk=7)
    changed = dpa2.compute_statistics(model, [water()])
    assert changed.backend.name == library
    assert changed.backend.shape.size == 7
    assert {str(x.dtype) for x in changed.state_dict().values()} == {str(x.dtype) for x in model.state_dict().values()}
    std = changed.backend.to_numpy(changed.weights.descriptor.repinit.environment.std)
    assert not np.array_equal(std, model.backend.to_numpy(model.weights.descriptor.repinit.environment.std))


def test_a_model_is_immutable(model):
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.acceleration = None
