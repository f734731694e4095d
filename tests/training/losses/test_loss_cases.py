"""Losses, errors and gradients are those of the reference, on every array library."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
from loss_samples import arrays, cases, labels, loss_of, predictions, real

LIBRARIES = ("numpy", "strict", "torch", "jax")
QUANTITIES = {"energy": "energy", "force": "forces", "virial": "virial", "atom_energy": "atom_energy"}


def namespace(library: str):
    """The function that makes an array of a library."""
    if library == "numpy":
        return np.asarray
    if library == "strict":
        return pytest.importorskip("array_api_strict").asarray
    if library == "torch":
        return pytest.importorskip("torch").from_numpy
    return pytest.importorskip("jax").numpy.asarray


def on(library: str, tree):
    """Predictions or labels as arrays of a library."""
    convert = namespace(library)
    given = {f.name: getattr(tree, f.name) for f in dataclasses.fields(tree)}
    return type(tree)(**{name: None if x is None else convert(np.copy(x)) for name, x in given.items()})


def computed(case: dict, library: str, **options) -> tuple[float, dict[str, float]]:
    """Loss and reported errors of a case."""
    loss, frames = loss_of(case, **options), case["frames"]
    prefactors = loss.prefactors(case["lr"] / case["start_lr"])
    found = on(library, predictions(frames)), on(library, labels(case)), namespace(library)(real(frames))
    value, errors = loss(*found, prefactors)
    return float(value), loss.reported(float(value), {name: float(x) for name, x in errors.items()})


def wanted(case: dict) -> dict[str, float]:
    """The errors that the reference reports; its `l2_*` are never printed."""
    return {name: math.nan if x is None else x for name, x in case["more"].items() if not name.startswith("l2_")}


def test_there_are_a_hundred_cases():
    assert len(cases()) == 100


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", cases())
def test_losses_and_errors_are_those_of_the_reference(name, library):
    case = cases()[name]
    value, errors = computed(case, library, reference_rounding=True)
    assert value == pytest.approx(case["loss"], rel=5e-16, abs=0)
    expected = wanted(case)
    assert errors.keys() == expected.keys()
    for key, number in expected.items():
        assert errors[key] == pytest.approx(number, rel=5e-16, abs=0, nan_ok=True), key


@pytest.mark.parametrize("name", cases())
def test_without_the_rounding_of_the_reference_losses_are_close(name):
    case = cases()[name]
    value, errors = computed(case, "numpy")
    assert value == pytest.approx(case["loss"], rel=2e-7, abs=0)
    for key, number in wanted(case).items():
        assert errors[key] == pytest.approx(number, rel=2e-7, abs=0, nan_ok=True), key


def gradient(library: str, function, x):
    """The derivatives of a function of `Predictions` by each of them, as NumPy arrays."""
    names = [f.name for f in dataclasses.fields(x)]
    if library == "jax":
        from jax import grad

        found = grad(lambda *given: function(type(x)(*given)), argnums=tuple(range(len(names))))
        return dict(zip(names, map(np.asarray, found(*(getattr(x, n) for n in names))), strict=True))
    import torch

    given = [getattr(x, n).requires_grad_() for n in names]
    slopes = torch.autograd.grad(function(type(x)(*given)), given, allow_unused=True, materialize_grads=True)
    return dict(zip(names, (slope.numpy() for slope in slopes), strict=True))


WITH_GRADIENTS = [name for name, case in cases().items() if case["lr"] == 2.5e-4]


@pytest.mark.parametrize("library", ["torch", "jax"])
@pytest.mark.parametrize("name", WITH_GRADIENTS)
def test_gradients_by_predictions_are_those_of_the_reference(name, library):
    case, key = cases()[name], f"grad/{name.rpartition('/')[0]}/"
    loss, known = loss_of(case, reference_rounding=True), on(library, labels(case))
    mask, prefactors = namespace(library)(real(case["frames"])), loss.prefactors(case["lr"] / case["start_lr"])
    given = on(library, predictions(case["frames"]))
    found = gradient(library, lambda x: loss(x, known, mask, prefactors)[0], given)
    recorded = {ours: arrays().get(f"{key}{theirs}") for theirs, ours in QUANTITIES.items()}
    assert sum(x is not None for x in recorded.values()) >= 2
    for quantity, slope in found.items():
        expected = np.zeros(slope.shape) if recorded[quantity] is None else recorded[quantity].reshape(slope.shape)
        scale = np.abs(expected).max() or 1.0
        assert np.abs(slope - expected).max() <= 1e-14 * scale, quantity


def test_there_are_fifty_cases_with_gradients():
    assert len(WITH_GRADIENTS) == 50
    assert len([name for name in arrays() if name.startswith("grad/")]) > 100


def test_cases_cover_every_option_of_the_loss():
    settings = [dataclasses.asdict(loss_of(case).settings) for case in cases().values()]
    assert all(len({json.dumps(s[name]) for s in settings}) > 1 for name in settings[0] if name != "energy")
