"""The libraries' optimizers compute the formulas of section 4 of the specification of training."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import dpa2
from dpa2.backends.differentiation import OptimizerSettings, differentiation
from dpa2.training.steps.average import moved_average
from dpa2.training.steps.clipping import length, scaled, shortening

LIBRARIES = ("torch", "jax")
KINDS = {
    "Adam": OptimizerSettings(),
    "Adam with decay": OptimizerSettings(0.85, 0.99, 0.05),
    "AdamW": OptimizerSettings(0.9, 0.95, 0.1, decoupled=True),
    "AdamW without decay": OptimizerSettings(decoupled=True),
}
SHAPES = {"matrix": (3, 4), "vector": (5,), "number": (1,)}


class Written:
    """Section 4 as it is written, in NumPy."""

    def __init__(self, settings: OptimizerSettings, parameters: dict) -> None:
        self.settings = settings
        self.state = {n: SimpleNamespace(x=x.copy(), m=0.0 * x, v=0.0 * x, k=0) for n, x in parameters.items()}

    def update(self, slopes: dict, rate: float) -> None:
        s = self.settings
        for name, g in slopes.items():
            of = self.state[name]
            of.k += 1
            if s.decoupled:
                of.x = (1 - rate * s.decay) * of.x
            else:
                g = g + s.decay * of.x
            of.m = s.beta1 * of.m + (1 - s.beta1) * g
            of.v = s.beta2 * of.v + (1 - s.beta2) * g**2
            root = np.sqrt(of.v) / np.sqrt(1 - s.beta2**of.k) + 1e-8
            of.x = of.x - rate / (1 - s.beta1**of.k) * of.m / root


def drawn(rng, scale: float = 1.0, names=SHAPES) -> dict[str, np.ndarray]:
    return {name: scale * rng.normal(size=SHAPES[name]) for name in names}


def on(library: str):
    pytest.importorskip(library)
    return dpa2.backends.backend(library)


def placed(backend, arrays: dict) -> dict:
    return {name: backend.asarray(x.copy()) for name, x in arrays.items()}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("scale", [1.0, 1e-8, 1e-10], ids=["ordinary", "as small as epsilon", "smaller"])
@pytest.mark.parametrize("kind", KINDS)
def test_steps_are_those_of_the_formula(kind, scale, library):
    """Gradients as small as epsilon show where epsilon stands: beside the root, after the correction of its bias."""
    rng, backend = np.random.default_rng(3), on(library)
    start = drawn(rng)
    written = Written(KINDS[kind], start)
    found = differentiation(backend).optimizer(KINDS[kind], placed(backend, start))
    for rate in (0.1, 0.0, 0.02, 0.05, 1e-3):
        slopes = drawn(rng, scale)
        written.update(slopes, rate)
        found.update(placed(backend, slopes), rate)
    for name, x in found.parameters.items():
        moved = np.abs(written.state[name].x - start[name]).max()
        assert moved > 1e-4
        assert np.abs(backend.to_numpy(x) - written.state[name].x).max() <= 1e-13 * moved + 1e-15


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("kind", KINDS)
def test_parameters_without_gradient_are_skipped_and_count_their_own_steps(kind, library):
    rng, backend = np.random.default_rng(4), on(library)
    start = drawn(rng)
    written = Written(KINDS[kind], start)
    found = differentiation(backend).optimizer(KINDS[kind], placed(backend, start))
    for names in (["matrix"], ["matrix", "vector"], ["vector"], ["matrix"], ["matrix"]):
        slopes = drawn(rng, 1.0, names)
        written.update(slopes, 0.1)
        found.update(placed(backend, slopes), 0.1)
    state = found.state()
    assert [int(state[f"updates/{name}"]) for name in SHAPES] == [4, 2, 0]
    assert np.array_equal(state["weights/number"], start["number"])
    for name, of in written.state.items():
        for ours, theirs in (("weights", of.x), ("moment1", of.m), ("moment2", of.v)):
            assert state[f"{ours}/{name}"] == pytest.approx(theirs, rel=1e-13, abs=1e-15)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("kind", KINDS)
def test_an_optimizer_goes_on_from_its_state_to_the_bit(kind, library):
    rng, backend = np.random.default_rng(5), on(library)
    start, slopes = drawn(rng), [drawn(rng, 1.0, names) for names in (SHAPES, ["vector"], SHAPES, SHAPES)]
    make = differentiation(backend).optimizer
    straight, first = (make(KINDS[kind], placed(backend, start)) for _ in range(2))
    for given in slopes:
        straight.update(placed(backend, given), 0.1)
    for given in slopes[:2]:
        first.update(placed(backend, given), 0.1)
    again = make(KINDS[kind], placed(backend, drawn(rng)))
    again.restore(first.state())
    for given in slopes[2:]:
        again.update(placed(backend, given), 0.1)
    expected, found = straight.state(), again.state()
    assert expected.keys() == found.keys()
    assert all(np.array_equal(expected[name], found[name]) for name in expected)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_state_is_a_copy_and_parameters_are_copies(library):
    rng, backend = np.random.default_rng(6), on(library)
    start = drawn(rng)
    given = placed(backend, start)
    found = differentiation(backend).optimizer(OptimizerSettings(), given)
    state = found.state()
    before = {name: x.copy() for name, x in state.items()}
    found.update(placed(backend, drawn(rng)), 0.1)
    assert all(np.array_equal(state[name], before[name]) for name in state)
    assert all(np.array_equal(backend.to_numpy(given[name]), start[name]) for name in start)


@pytest.mark.parametrize("library", LIBRARIES)
def test_long_gradients_are_made_as_long_as_the_limit(library):
    backend = on(library)
    slopes = {"a": backend.asarray(np.array([3.0, 0.0])), "b": backend.asarray(np.array([[4.0]]))}
    norm = float(length(slopes))
    assert norm == 5.0
    found = {name: backend.to_numpy(x) for name, x in scaled(slopes, shortening(norm, 1.0)).items()}
    assert found["a"] == pytest.approx([3.0 / (5.0 + 1e-6), 0.0], rel=1e-15)
    assert found["b"] == pytest.approx(4.0 / (5.0 + 1e-6), rel=1e-15)
    assert [shortening(norm, limit) for limit in (0.0, 5.1)] == [1.0, 1.0]


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_average_moves_by_a_share_of_the_difference(library):
    backend = on(library)
    before, now = (placed(backend, drawn(np.random.default_rng(seed))) for seed in (1, 2))
    found = moved_average(before, now, 0.9)
    for name, x in found.items():
        expected = 0.9 * backend.to_numpy(before[name]) + (1 - 0.9) * backend.to_numpy(now[name])
        assert backend.to_numpy(x) == pytest.approx(expected, rel=1e-15)
