"""Batches of frames: padding adds nothing, and labels that are missing are told."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

import dpa2
from dpa2 import testing
from dpa2.errors import InputError
from dpa2.training.losses import Labels, Loss, LossSettings, Predictions, Prefactor, predictions_of, real_atoms

EVERY = LossSettings(virial=Prefactor(1.0, 2.0), atom_energy=Prefactor(3.0, 1.0))
LIBRARIES = ("numpy", "torch", "jax")


def drawn(kind: type, frames: int, slots: int, seed: int):
    """Predictions or labels of random numbers."""
    rng = np.random.default_rng(seed)
    shapes = {"energy": (), "forces": (slots, 3), "virial": (3, 3), "atom_energy": (slots,)}
    return kind(**{name: rng.normal(size=(frames, *shape)) for name, shape in shapes.items()})


def widened(given, slots: int):
    """The same with slots behind that hold no atom, whose numbers are arbitrary."""
    longer = {}
    for name in ("forces", "atom_energy"):
        x = getattr(given, name)
        longer[name] = np.concatenate([x, np.full((len(x), slots, *x.shape[2:]), 7.0)], axis=1)
    return dataclasses.replace(given, **longer)


@pytest.mark.parametrize("measure", ["squares", "absolute", "huber"])
def test_slots_without_atoms_change_nothing(measure):
    found, known, real = drawn(Predictions, 3, 5, 1), drawn(Labels, 3, 5, 2), np.ones((3, 5))
    loss = Loss(dataclasses.replace(EVERY, measure=measure))
    value, errors = loss(found, known, real, loss.prefactors(0.3))
    wider = widened(found, 4), widened(known, 4), np.pad(real, ((0, 0), (0, 4)))
    padded, padded_errors = loss(*wider, loss.prefactors(0.3))
    assert padded == pytest.approx(value, rel=1e-15)
    assert padded_errors == pytest.approx(errors, rel=1e-15)


GENERAL = {
    "intensive": {"intensive": True},
    "weights": {"weighted_forces": Prefactor(1.0, 2.0), "generalized_forces": Prefactor(1.0, 2.0), "coordinates": 2},
    "coefficients": {"weighted_energy": True},
}


@pytest.mark.parametrize("rounding", [False, True])
@pytest.mark.parametrize("changes", [*GENERAL.values(), {"measure": "absolute"}, {"measure": "huber"}], ids=str)
def test_frames_without_atoms_change_nothing(changes, rounding):
    """Their predictions and labels are 0, as those of frames that fill up a batch."""
    rng = np.random.default_rng(3)
    more = {"force_weights": rng.random((3, 5)), "generalized": rng.normal(size=(3, 5, 3, 2))}
    found, known, real = drawn(Predictions, 3, 5, 1), drawn(Labels, 3, 5, 2), np.ones((3, 5))
    known = dataclasses.replace(known, **more, energy_coefficients=rng.random((3, 5)))
    loss = Loss(dataclasses.replace(EVERY, **changes), rounding)
    value, errors = loss(found, known, real, loss.prefactors(0.3))
    longer = [
        type(x)(**{n: np.concatenate([a, np.zeros_like(a[:2])]) for n, a in vars(x).items() if a is not None})
        for x in (found, known)
    ]
    padded, padded_errors = loss(*longer, np.concatenate([real, 0 * real[:2]]), loss.prefactors(0.3))
    assert padded == pytest.approx(value, rel=1e-15)
    assert padded_errors == pytest.approx(errors, rel=1e-15)


def test_forces_are_means_over_atoms_and_energies_over_frames():
    """Two frames of 1 and 3 atoms, each off by 1: sums by hand."""
    real = np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    forces = np.zeros((2, 3, 3))
    forces[0] = 2.0
    found = Predictions(np.array([1.0, 3.0]), forces, np.zeros((2, 3, 3)), np.zeros((2, 3)))
    known = Labels(energy=np.zeros(2), forces=np.zeros((2, 3, 3)))
    loss = Loss(LossSettings(energy=Prefactor(1.0, 1.0), forces=Prefactor(1.0, 1.0)))
    value, errors = loss(found, known, real, loss.prefactors(1.0))
    assert errors["rmse_f"] == pytest.approx(math.sqrt((4 * 3) / (3 * 4)))
    assert errors["rmse_e"] == pytest.approx(math.sqrt((1 / 1 + 9 / 9) / 2))
    assert value == pytest.approx((1 / 1 + 9 / 3) / 2 + 1.0)


def test_errors_without_labels_are_reported_as_not_a_number_in_the_order_of_the_alphabet():
    loss = Loss(EVERY)
    known = dataclasses.replace(drawn(Labels, 1, 2, 1), virial=None, atom_energy=None)
    value, errors = loss(drawn(Predictions, 1, 2, 2), known, np.ones((1, 2)), loss.prefactors(1.0))
    shown = loss.reported(float(value), errors)
    assert list(shown) == ["rmse", "rmse_ae", "rmse_e", "rmse_f", "rmse_v"]
    assert [name for name, x in shown.items() if math.isnan(x)] == ["rmse_ae", "rmse_v"]
    assert shown["rmse"] == math.sqrt(value)


def test_a_batch_without_any_label_that_counts_is_refused():
    loss = Loss(LossSettings())
    loss.require_some_label(Labels(energy=np.zeros(1)), "data/A, frame 3")
    with pytest.raises(InputError, match=r"data/A, frame 3: .*energy, forces") as refused:
        loss.require_some_label(Labels(virial=np.zeros((1, 3, 3))), "data/A, frame 3")
    assert refused.value.wanted == ["energy", "forces"]


@pytest.mark.parametrize("library", LIBRARIES)
def test_results_of_systems_become_a_padded_batch(library):
    pytest.importorskip(library)
    model = dpa2.load(dpa2.demo.MODEL, backend=library)
    small, large = testing.water_box(1), testing.water_box(2)
    few, many = model.evaluate_many([small, large])
    found, real = predictions_of([few, many]), real_atoms([[0, 1, 1], [0, 1, 1, 0, 1, -1]])
    assert [tuple(x.shape) for x in vars(found).values()] == [(2,), (2, 6, 3), (2, 3, 3), (2, 6)]
    host = {name: np.asarray(x) for name, x in vars(found).items()}
    assert np.array_equal(host["forces"][0, :3], np.asarray(few.forces))
    assert np.array_equal(host["atom_energy"][1], np.asarray(many.atom_energy))
    assert not host["forces"][0, 3:].any()
    assert not host["atom_energy"][0, 3:].any()
    assert real.tolist() == [[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 0]]
