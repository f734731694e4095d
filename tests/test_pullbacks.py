"""Every pullback is the derivative of what it stands beside: automatic differentiation says so, and differences do."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pytest
from budgets import budget
from hypothesis import given
from hypothesis import strategies as st
from references import strict
from subjects import SUBJECTS, Subject
from tolerances import TOLERANCES, assert_close

import dpa2
from dpa2 import testing
from dpa2.backends import backend
from dpa2.module import leaves, map_leaves
from dpa2.plan import Shape
from dpa2.testing import strategies as drawn

jax = pytest.importorskip("jax")
torch = pytest.importorskip("torch")

STEP = 1e-3


@functools.cache
def library(name: str):
    return backend(name)


def on(name: str, tree):
    """A tree with the arrays of a library."""
    return map_leaves(lambda _, array: library(name).asarray(array), tree)


def rebuilt(tree, arrays: dict):
    """The tree with other arrays, by name."""
    return map_leaves(lambda name, _: arrays[name], tree)


def value(subject: Subject, fixed, arrays: dict) -> dict:
    """The outputs of a subject's forward pass by name."""
    return leaves(subject.run(fixed, rebuilt(subject.inputs, arrays))[0])


@functools.cache
def pulled_back(name: str):
    """A subject, random cotangents of its outputs, and what its pullback makes of them."""
    return differentiated(SUBJECTS[name]())


def differentiated(subject: Subject):
    rng = np.random.default_rng(3)
    outputs, pull = subject.run(subject.fixed, subject.inputs)
    cotangents = map_leaves(lambda _, y: rng.normal(size=y.shape), outputs)
    found, inputs = leaves(pull(cotangents)), leaves(subject.inputs)
    zeros = {name: np.zeros_like(x) for name, x in inputs.items()}
    assert found.keys() <= inputs.keys()
    return subject, leaves(cotangents), zeros | found


def assert_gradients(kind: str, found: dict, expected: dict):
    """Gradients of all inputs, on the scale of the largest."""
    scale = max(np.abs(x).max(initial=0.0) for x in expected.values())
    for name, wanted in expected.items():
        assert_close(kind, found[name], wanted, name or "gradient", scale=scale)


def gradients_by_torch(subject: Subject, cotangents: dict) -> dict:
    inputs = {n: torch.tensor(x, requires_grad=True) for n, x in leaves(subject.inputs).items()}
    outputs = value(subject, on("torch", subject.fixed), inputs)
    loss = sum((torch.tensor(cotangents[n]) * y).sum() for n, y in outputs.items())
    found = torch.autograd.grad(loss, list(inputs.values()), allow_unused=True)
    named = zip(inputs.items(), found, strict=True)
    return {n: np.zeros(tuple(x.shape)) if g is None else g.numpy() for (n, x), g in named}


def gradients_by_jax(subject: Subject, cotangents: dict) -> dict:
    fixed = on("jax", subject.fixed)
    outputs, pull = jax.vjp(lambda arrays: value(subject, fixed, arrays), leaves(on("jax", subject.inputs)))
    (found,) = pull({name: jax.numpy.asarray(cotangents[name]) for name in outputs})
    return {name: np.asarray(g) for name, g in found.items()}


@pytest.mark.parametrize("name", SUBJECTS)
def test_pullback_is_what_torch_differentiates_the_block_to(name):
    subject, cotangents, found = pulled_back(name)
    assert_gradients("pullback", found, gradients_by_torch(subject, cotangents))


@pytest.mark.parametrize("name", SUBJECTS)
def test_pullback_is_what_jax_differentiates_the_block_to(name):
    subject, cotangents, found = pulled_back(name)
    assert_gradients("pullback", found, gradients_by_jax(subject, cotangents))


@pytest.mark.parametrize("name", SUBJECTS)
def test_pullback_is_what_differences_of_the_block_tend_to(name):
    subject, cotangents, found = pulled_back(name)
    rng, inputs = np.random.default_rng(11), leaves(subject.inputs)
    for place, x in inputs.items():
        direction = rng.normal(size=x.shape)
        slope = differences(subject, cotangents, inputs, place, direction)
        assert_close("differences", np.sum(found[place] * direction), slope, place, scale=1.0)


def differences(subject: Subject, cotangents: dict, inputs: dict, place: str, direction) -> float:
    """The slope of Σ cotangents · outputs along a direction of one input, of fourth order."""

    def at(step):
        moved = inputs | {place: inputs[place] + step * STEP * direction}
        outputs = value(subject, subject.fixed, moved)
        return sum(np.sum(cotangents[n] * y) for n, y in outputs.items())

    return (8.0 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12.0 * STEP)
