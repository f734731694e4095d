"""PyTorch: NumPy evaluates its models in memory, PyTorch the others."""

from __future__ import annotations

import numpy as np
import pytest

import dpa2
from dpa2 import demo

torch = pytest.importorskip("torch")


def test_torch_evaluates_by_numpy_and_hands_back_tensors():
    box, exact = demo.structure(), dpa2.load(demo.MODEL)
    model = dpa2.load(demo.MODEL, backend="torch")
    found = model.evaluate(box["coordinates"], box["types"], box["cell"])
    assert isinstance(found.forces, torch.Tensor)
    assert np.array_equal(found.forces.numpy(), exact.evaluate(box["coordinates"], box["types"], box["cell"]).forces)
    weight = model.weights.descriptor.shape_transform.weight
    assert np.shares_memory(weight.numpy(), model.worker.weights.descriptor.shape_transform.weight)


def test_torch_evaluates_low_precision_itself():
    model = dpa2.load(demo.MODEL, backend="torch", dtype="bfloat16")
    assert model.worker is model
