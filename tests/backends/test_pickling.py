"""Models, calculators, modules and functions of weights are copied and sent to other processes."""

from __future__ import annotations

import copy
import io
import pickle

import numpy as np
import pytest
from libraries import LIBRARIES, OTHERS

import dpa2
from dpa2 import demo

WATER = [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], ["O", "H", "H"], None
WAYS = {"pickle": lambda x: pickle.loads(pickle.dumps(x)), "deepcopy": copy.deepcopy, "copy": copy.copy}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_models_are_copied(library, way):
    model = dpa2.load(demo.MODEL, backend=library).to(library, chunk=8)
    model = model.accelerate(1e-8) if library == "numpy" else model
    again = way(model)
    assert again.checkpoint().digest() == model.checkpoint().digest()
    assert (again.backend.name, again.backend.device) == (library, model.backend.device)
    assert (again.backend.shape.size, again.acceleration) == (model.backend.shape.size, model.acceleration)
    host = model.backend.to_numpy
    assert np.array_equal(host(again.evaluate(*WATER).forces), host(model.evaluate(*WATER).forces))


@pytest.mark.parametrize("library", OTHERS)
def test_a_pickled_model_is_of_bytes_that_do_not_need_its_library(library):
    model = dpa2.load(demo.MODEL, backend=library)
    assert len(pickle.dumps(model)) < 2 * len(pickle.dumps(dpa2.load(demo.MODEL)))


def test_a_module_is_saved_whole_and_copied():
    torch = pytest.importorskip("torch")
    model = dpa2.load(demo.MODEL, backend="torch")
    module, prepared, buffer = model.as_module(), model.prepare_systems([WATER]), io.BytesIO()
    torch.save(module, buffer)
    buffer.seek(0)
    for again in (torch.load(buffer, weights_only=False), copy.deepcopy(module)):
        assert torch.equal(again(prepared)[0].forces, module(prepared)[0].forces)
        assert [*again.state_dict()] == [*module.state_dict()]


def test_the_function_of_a_pytree_is_pickled():
    pytest.importorskip("jax")
    model = dpa2.load(demo.MODEL, backend="jax")
    weights, function = model.as_pytree()
    again = pickle.loads(pickle.dumps(function))
    prepared = model.prepare_systems([WATER])
    assert np.array_equal(again(weights, prepared)[0].energy, function(weights, prepared)[0].energy)
