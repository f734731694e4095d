"""Activations: the specification's formulas, both derivatives, and names in any spelling."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tolerances import assert_close

from dpa2.nn.activations import ACTIVATIONS, NAMES, activation, curvature
from dpa2.testing import strategies

DRAWN = strategies.ACTIVATIONS
POINTS = np.linspace(-8.0, 8.0, 97) + 0.01  # none of them on a kink


def logistic(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


def silut(x: float, t: float) -> float:
    slope = logistic(t) + t * logistic(t) * (1 - logistic(t))
    return x * logistic(x) if x < t else math.tanh(slope * (x - t)) + t * logistic(t)


FORMULAS = {  # section 3.3 of the specification
    "tanh": math.tanh,
    "relu": lambda x: max(x, 0.0),
    "relu6": lambda x: min(max(x, 0.0), 6.0),
    "gelu": lambda x: 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "softplus": lambda x: math.log(1 + math.exp(x)),
    "sigmoid": logistic,
    "silu": lambda x: x * logistic(x),
    "silut": lambda x: silut(x, 3.0),
    "linear": lambda x: x,
}
OTHER_NAMES = {"gelu_tf": "gelu", "custom_silu": "silut", "none": "linear"}


def test_every_activation_of_the_table_is_drawn_and_tested():
    assert {name.partition(":")[0] for name in DRAWN} == set(NAMES)
    assert set(FORMULAS) | set(OTHER_NAMES) == set(NAMES)
    assert set(strategies.SMOOTH_ACTIVATIONS) <= set(ACTIVATIONS)


@pytest.mark.parametrize("name", FORMULAS)
def test_values_are_those_of_the_formula(name):
    assert_close("libraries", activation(name)(POINTS)[0], [FORMULAS[name](x) for x in POINTS], name)


@pytest.mark.parametrize("threshold", ["0.3", "-2", "0", "12.5"])
def test_silut_takes_its_threshold_from_its_name(threshold):
    expected = [silut(x, float(threshold)) for x in POINTS]
    for name in ("silut", "custom_silu"):
        assert_close("libraries", activation(f"{name}:{threshold}")(POINTS)[0], expected, name)


@pytest.mark.parametrize(("name", "meant"), OTHER_NAMES.items())
def test_an_alias_is_the_same_function(name, meant):
    for spelling in (name, name.upper(), name.title()):
        assert np.array_equal(activation(spelling)(POINTS)[0], activation(meant)(POINTS)[0])
        assert np.array_equal(curvature(spelling)(POINTS), curvature(meant)(POINTS))


@pytest.mark.parametrize("name", DRAWN)
def test_the_curvature_is_the_derivative_of_the_slope(name):
    torch = pytest.importorskip("torch")
    x = torch.tensor(POINTS, requires_grad=True)
    slope = activation(name)(x)[1](torch.ones_like(x))
    expected = torch.autograd.grad(slope.sum(), x)[0] if slope.requires_grad else torch.zeros_like(x)
    assert_close("pullback", curvature(name)(POINTS), expected, name)


@pytest.mark.parametrize("name", DRAWN)
def test_the_curvature_is_that_of_the_values(name):
    h, phi = 1e-3, activation(name)
    weights = {-2: -1 / 12, -1: 4 / 3, 0: -5 / 2, 1: 4 / 3, 2: -1 / 12}  # fourth order
    found = sum(weight * phi(POINTS + k * h)[0] for k, weight in weights.items()) / h**2
    assert_close("differences", found, curvature(name)(POINTS), name, scale=1.0)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_smooth_activations_are_those_whose_slope_and_curvature_are_continuous(name):
    x = np.linspace(-8.0, 8.0, 1601)
    slope = activation(name)(x)[1](np.ones_like(x))
    jumps = [np.abs(np.diff(values)).max() for values in (slope * np.ones_like(x), curvature(name)(x))]
    assert ACTIVATIONS[name].smooth == (max(jumps) <= 0.02)  # derivatives up to the third are at most 2, the step 0.01


@pytest.mark.parametrize("name", ["swish", "", "tanh:3", "silut:x", "silut:nan", "silut:inf", "silut:-1000"])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match=r"known|threshold|float"):
        activation(name)
