"""The gradient by weights is that of automatic differentiation through forces and virial."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from small_training import EVERY, labels, model, systems
from tolerances import assert_close

import dpa2
from dpa2 import testing
from dpa2.errors import BackendError, ConfigurationError
from dpa2.training.losses import Labels, Loss, LossSettings, Prefactor, predictions_of
from dpa2.training.steps import Trainer, make_batch, trained

ONE = {
    "energy": LossSettings(energy=Prefactor(1.0, 1.0), forces=Prefactor()),
    "forces": LossSettings(energy=Prefactor(), forces=Prefactor(1.0, 1.0)),
    "virial": LossSettings(energy=Prefactor(), forces=Prefactor(), virial=Prefactor(1.0, 1.0)),
    "atom energies": LossSettings(energy=Prefactor(), forces=Prefactor(), atom_energy=Prefactor(1.0, 1.0)),
    "every term": EVERY,
    "absolute deviations": LossSettings(virial=Prefactor(1.0, 1.0), measure="absolute", force_norm=True),
}
RATE = 0.3


def through_forces(given: dpa2.Model, batch, loss: Loss) -> dict[str, np.ndarray]:
    """The gradient by automatic differentiation of the loss as it is written."""

    def value(found):
        return loss(predictions_of(found), batch.labels, batch.real, loss.prefactors(RATE))[0]

    if given.backend.name == "torch":
        module = given.as_module()
        value(module(batch.prepared)).backward()
        slopes = {name: parameter.grad for name, parameter in module.named_parameters()}
        return {name: np.zeros(()) if slope is None else slope.numpy() for name, slope in slopes.items()}
    from jax import grad

    from dpa2.nn.module import leaves

    weights, evaluate = given.as_pytree()
    return {n: np.asarray(x) for n, x in leaves(grad(lambda w: value(evaluate(w, batch.prepared)))(weights)).items()}


@pytest.mark.parametrize(
    ("library", "recompute"), [("torch", False), ("torch", True), ("jax", False)], ids=["torch", "torch again", "jax"]
)
@pytest.mark.parametrize("terms", ONE)
def test_gradients_are_those_of_automatic_differentiation_through_the_forces(terms, library, recompute):
    given, loss = model(library), Loss(ONE[terms])
    batch = make_batch(given, systems(), labels(), neighbors="truncate")
    report, slopes = Trainer(given, loss, 1.0, recompute=recompute).slopes(batch, RATE)
    expected = through_forces(given, batch, loss)
    assert slopes.keys() == trained(given).keys()
    largest = max(np.abs(x).max() for x in expected.values())
    for name, slope in slopes.items():
        assert_close(
            "gradient by weights", np.asarray(slope), np.broadcast_to(expected[name], slope.shape), name, largest
        )
    assert report.slope == pytest.approx(np.sqrt(sum((expected[n] ** 2).sum() for n in slopes)), rel=1e-12)


def test_gradients_on_several_threads_are_the_same_to_the_bit_each_time():
    """PyTorch adds derivatives in an order that depends on which threads made a graph."""
    given = dpa2.load(dpa2.demo.MODEL, backend="torch")
    box, rng = testing.water_box(32, seed=1), np.random.default_rng(0)
    batch = make_batch(given, [box], Labels(np.zeros(1), rng.normal(size=(1, 96, 3))), neighbors="truncate")
    assert len(batch.prepared.chunks) == 4
    trainer = Trainer(given, Loss(), 1.0)
    trainer.differentiation.threads = 3
    found = [trainer.slopes(batch, RATE)[1] for _ in range(8)]
    for again in found[1:]:
        assert all(np.array_equal(x, again[name]) for name, x in found[0].items())


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_what_the_configuration_freezes_is_not_among_the_parameters(library):
    given = model(library, trainable=False)
    training = Trainer(given, Loss(), 1.0)
    assert {name.partition(".")[0] for name in training.parameters.arrays} == {"fitting"}
    before = {name: np.asarray(x).copy() for name, x in given.state_dict().items()}
    training.step(make_batch(given, systems(), labels(), neighbors="truncate"), RATE)
    after = {name: np.asarray(x) for name, x in training.model().state_dict().items()}
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed == set(training.parameters.arrays)
    assert all(np.array_equal(before[name], np.asarray(x)) for name, x in given.state_dict().items())


def test_statistics_and_output_bias_are_never_parameters():
    names = set(trained(model("torch")))
    assert names
    assert not {n for n in names if "environment" in n or n in ("bias", "deviation", "fitting.bias")}


def test_a_model_that_freezes_everything_is_refused():
    config = testing.small_config(trainable=False)
    frozen = dataclasses.replace(config, fitting=dataclasses.replace(config.fitting, trainable=False))
    with pytest.raises(ConfigurationError, match="nothing is trained"):
        Trainer(testing.perturbed_model(frozen, backend="torch"), Loss(), 1.0)


def test_numpy_says_what_to_install_for_training():
    with pytest.raises(BackendError, match=r"numpy has no derivatives by weights.*dpa2\[torch\].*dpa2\[jax,train\]"):
        Trainer(dpa2.load(dpa2.demo.MODEL), Loss(), 1.0)
