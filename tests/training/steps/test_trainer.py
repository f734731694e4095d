"""A training can be interrupted and stopped without loss: states, averages, losses that are not finite."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pytest
from small_training import EVERY, labels, model, systems

from dpa2.errors import InputError, TrainingStopped
from dpa2.training.losses import Loss
from dpa2.training.steps import OptimizerSettings, Trainer, make_batch

LIBRARIES = ("torch", "jax")
RATES = (0.01, 0.02, 0.005, 0.003)


def training(library: str, **options) -> Trainer:
    return Trainer(model(library), Loss(EVERY), 0.02, OptimizerSettings(decay=0.1, decoupled=True), **options)


@cache
def batch(library: str):
    return make_batch(model(library), systems(), labels(), "data/A, frames 0 to 2", neighbors="truncate")


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_restored_training_goes_on_to_the_bit(library):
    straight, first = (training(library, limit=3.0, average_decay=0.7) for _ in range(2))
    reports = [straight.step(batch(library), rate) for rate in RATES]
    for rate in RATES[:2]:
        first.step(batch(library), rate)
    saved = first.state()
    again = Trainer(first.model(), Loss(EVERY), 0.02, OptimizerSettings(decay=0.1, decoupled=True), 3.0, 0.7)
    again.restore(saved)
    assert same(again.state(), saved)
    assert [again.step(batch(library), rate) for rate in RATES[2:]] == reports[2:]
    assert same(again.state(), straight.state())
    assert reports[0].loss > reports[-1].loss


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_average_starts_at_the_first_parameters_and_follows_every_step(library):
    found = training(library, average_decay=0.7)
    expected = {name: np.asarray(x).copy() for name, x in found.head("").state_dict().items()}
    for rate in RATES[:2]:
        found.step(batch(library), rate)
        now = found.model().state_dict()
        expected = {name: 0.7 * x + (1 - 0.7) * np.asarray(now[name]) for name, x in expected.items()}
    for name, x in found.model(average=True).state_dict().items():
        assert np.asarray(x) == pytest.approx(expected[name], rel=1e-14, abs=1e-16), name


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_loss_that_is_not_finite_stops_and_names_the_batch(library):
    found = training(library)
    before = found.state()
    energy = found.backend.asarray(np.array([0.0, np.inf, 0.0]))
    given = batch(library)
    broken = dataclasses.replace(given, labels=dataclasses.replace(given.labels, energy=energy))
    with pytest.raises(TrainingStopped, match="loss of batch data/A, frames 0 to 2 is inf") as stopped:
        found.step(broken, 0.01)
    assert stopped.value.batch == "data/A, frames 0 to 2"
    assert same(found.state(), before)


@pytest.mark.parametrize("library", LIBRARIES)
def test_evaluating_changes_nothing_and_finds_what_a_step_finds(library):
    found = training(library)
    before = found.state()
    seen = found.evaluate(batch(library), 0.01)
    assert same(found.state(), before)
    step = found.step(batch(library), 0.01)
    assert (seen.loss, seen.errors) == (step.loss, step.errors)


def test_a_rate_of_zero_fills_moments_and_moves_no_parameter():
    found = training("torch")
    before = found.state()
    found.step(batch("torch"), 0.0)
    after = found.state()
    assert all(np.array_equal(before[n], after[n]) for n in before if n.startswith("weights/"))
    assert all(after[n].any() and not before[n].any() for n in before if n.startswith("moment1/fitting"))


def test_trained_models_are_copies():
    found = training("torch")
    made = found.model()
    before = {name: x.clone() for name, x in made.state_dict().items()}
    found.step(batch("torch"), 0.1)
    assert all((before[name] == x).all() for name, x in made.state_dict().items())


def wrong_states() -> dict:
    state = training("torch").state()
    name = "weights/fitting.output.weight"
    return {
        "one is missing": ({n: x for n, x in state.items() if n != name}, name),
        "one is left over": (state | {"weights/other": np.zeros(1)}, "weights/other"),
        "another shape": (state | {name: np.zeros(3)}, name),
    }


@pytest.mark.parametrize("what", ["one is missing", "one is left over", "another shape"])
def test_a_state_of_another_training_is_refused_by_name(what):
    state, tensor = wrong_states()[what]
    found = training("torch")
    before = found.state()
    with pytest.raises(InputError, match=tensor) as refused:
        found.restore(state)
    assert refused.value.tensor == tensor
    assert same(found.state(), before)


WRONG = {
    "a NaN among forces": ({"forces": (1, 2, 0)}, "forces: frame 1, atom 2 is not a finite number"),
    "a NaN among energies": ({"energy": (2,)}, "energy: frame 2 is not a finite number"),
    "a NaN in a virial": ({"virial": (0, 1, 1)}, "virial: frame 0 is not a finite number"),
}


@pytest.mark.parametrize("what", WRONG)
def test_labels_that_are_not_finite_are_named(what):
    places, message = WRONG[what]
    known = labels()
    for name, place in places.items():
        getattr(known, name)[place] = np.nan
    with pytest.raises(InputError, match=f"data/B: {message}"):
        make_batch(model("torch"), systems(), known, "data/B", neighbors="truncate")


def test_labels_of_another_shape_are_refused():
    known = dataclasses.replace(labels(), forces=np.zeros((3, 6, 3)))
    with pytest.raises(InputError, match=r"forces: has shape \(3, 6, 3\), must have \(3, 7, 3\)"):
        make_batch(model("torch"), systems(), known, neighbors="truncate")


def test_a_head_that_there_is_not_is_refused():
    with pytest.raises(InputError, match="head 'water': there is none"):
        training("torch").model("water")
