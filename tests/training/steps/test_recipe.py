"""Five steps of training are those of the reference: the recipe of section 13 of the specification of training."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from tolerances import TOLERANCES, assert_close
from training_runs import RUNS, SINGLE, batch, folder, head_of, models, steps, trainer

from dpa2.nn.module import map_leaves
from dpa2.serialization.checkpoint import Checkpoint
from dpa2.serialization.state.state import checkpoint_to_state
from dpa2.training.steps.clipping import scaled, shortening

LIBRARIES = ("torch", "jax")
LONG = {("allterms_adamw", "jax"), ("multitask", "jax")}  # compile for a minute each


def pairs(runs):
    """Runs with libraries, as parameters; a slow test for what compiles for long."""
    found = [(run, library) for library in LIBRARIES for run in runs]
    return [pytest.param(*pair, marks=[pytest.mark.slow] * (pair in LONG)) for pair in found]


@cache
def trained(run: str, library: str, reference_rounding: bool = True):
    """A run after its five steps, what each step reported, and the clipped gradient of the first."""
    pytest.importorskip(library)
    training = trainer(run, library, reference_rounding)
    reports = []
    for step, recorded in enumerate(steps(run)):
        head = head_of(run, step)
        given = batch(run, step, training.head(head))
        if step == 0:
            found, slopes = training.slopes(given, recorded["lr"], head)
            first = scaled(slopes, shortening(found.slope, training.limit))
        reports.append(training.step(given, recorded["lr"], head))
    return training, reports, first


@pytest.mark.parametrize(("run", "library"), pairs(RUNS))
def test_losses_and_errors_of_each_step_are_those_of_the_reference(run, library):
    _, reports, _ = trained(run, library)
    assert len(reports) == 5
    for step, (found, recorded) in enumerate(zip(reports, steps(run), strict=True)):
        assert_close("training loss", found.loss, recorded["loss"], f"step {step}")
        names = {name for name in recorded if name.startswith("rmse")}
        assert found.errors.keys() == names
        for name in names:
            if recorded[name] is None:
                assert math.isnan(found.errors[name])
            else:
                assert_close("training loss", found.errors[name], recorded[name], f"step {step}, {name}")


@pytest.mark.parametrize(("run", "library"), pairs(RUNS))
def test_the_length_of_the_gradient_of_each_step_is_that_of_the_reference(run, library):
    training, reports, _ = trained(run, library)
    for step, (found, recorded) in enumerate(zip(reports, steps(run), strict=True)):
        factor = min(1.0, training.limit / (found.slope + 1e-6)) if training.limit else 1.0
        assert_close("training gradient", found.slope * factor, recorded["grad_norm_after_clip"], f"step {step}")


@pytest.mark.parametrize(("run", "library"), pairs(SINGLE))
def test_gradients_of_the_first_step_are_those_of_the_reference(run, library):
    training, _, slopes = trained(run, library)
    model = training.head("")
    host = {name: model.backend.to_numpy(slope) for name, slope in slopes.items()}
    arrays: dict[str, np.ndarray] = {}
    map_leaves(lambda name, x: arrays.setdefault(name, host.get(name, np.zeros(x.shape))), model.weights)
    found = checkpoint_to_state(Checkpoint(model.config, arrays, {}))
    recorded = dict(np.load(folder(run) / "grad_step0.npz"))
    assert len(recorded) == 60
    for name, slope in recorded.items():
        assert_close("training gradient", found[name], slope, name)
    assert not [name for name, x in found.items() if x.any() and name not in recorded]


@pytest.mark.parametrize(("run", "library"), pairs(RUNS))
def test_models_after_five_steps_are_those_of_the_reference(run, library):
    training, _, _ = trained(run, library)
    for head, final in models(run, "final", library).items():
        assert largest_difference(training.model(head), final) <= TOLERANCES["final parameters"][0]


@pytest.mark.parametrize("run", RUNS)
def test_without_the_rounding_of_the_reference_models_are_close(run):
    """The tolerances of section 13: 2e-7 of the loss, 1e-8 of parameters."""
    training, reports, _ = trained(run, "torch", False)
    for found, recorded in zip(reports, steps(run), strict=True):
        assert found.loss == pytest.approx(recorded["loss"], rel=2e-7)
    for head, final in models(run, "final", "torch").items():
        assert largest_difference(training.model(head), final) <= 1e-8


def largest_difference(found, expected) -> float:
    """The largest absolute difference between two models; statistics and bias must be the same."""
    a, b = ({n: np.asarray(x) for n, x in model.state_dict().items()} for model in (found, expected))
    assert a.keys() == b.keys()
    return max(np.abs(a[name] - b[name]).max() for name in a)


def test_the_runs_move_every_parameter():
    """A comparison of models that did not move would say nothing."""
    for run in RUNS:
        before, after = models(run, "initial", "torch"), models(run, "final", "torch")
        for head in before:
            assert largest_difference(before[head], after[head]) > 1e-3


@pytest.mark.parametrize("library", ["torch", pytest.param("jax", marks=pytest.mark.slow)])
def test_heads_share_the_arrays_of_their_descriptor(library):
    training, _, _ = trained("multitask", library)
    first, second = (model.state_dict() for model in training.trained().values())
    common = {name for name in first if name in second and first[name] is second[name]}
    assert common == {name for name in first if name.startswith("descriptor.")}
    counts = {name: int(x) for name, x in training.state().items() if name.startswith("updates/")}
    assert {n for n, count in counts.items() if count == 5} == {n for n in counts if "/descriptor." in n}
    assert {n for n, count in counts.items() if count == 1} == {n for n in counts if "/h1/fitting." in n}
    assert {n for n, count in counts.items() if count == 4} == {n for n in counts if "/h2/fitting." in n}
