"""What the configuration freezes is frozen for those who train."""

from __future__ import annotations

import dataclasses

import pytest

from dpa2 import testing

torch = pytest.importorskip("torch")


def requires_grad(config) -> dict[str, bool]:
    """Whether each parameter of a model's PyTorch module is trained."""
    module = testing.perturbed_model(config, backend="torch").as_module()
    return {name: parameter.requires_grad for name, parameter in module.named_parameters()}


def test_everything_is_trained_unless_the_configuration_says_otherwise():
    found = requires_grad(testing.small_config())
    assert len(found) > 80
    assert all(found.values())


def test_a_descriptor_that_is_not_trained_has_no_gradients():
    found = requires_grad(testing.small_config(trainable=False))
    assert {name for name, trained in found.items() if trained} == {n for n in found if n.startswith("fitting.")}


def test_norms_that_are_not_trained_have_no_gradients():
    config = testing.small_config()
    config = dataclasses.replace(config, repformer=dataclasses.replace(config.repformer, trainable_norm=False))
    found = requires_grad(config)
    frozen = {name for name, trained in found.items() if not trained}
    assert frozen == {name for name in found if ".norm." in name}
    assert len(frozen) == 4


FLAGS = {"none": (False, ()), "the second": ((False, True, False), (1,)), "the last": ((False, False, True), (2,))}


@pytest.mark.parametrize(("flags", "trained"), FLAGS.values(), ids=FLAGS)
def test_layers_of_the_fitting_net_are_trained_one_by_one(flags, trained):
    config = testing.small_config()
    config = dataclasses.replace(config, fitting=dataclasses.replace(config.fitting, trainable=flags))
    found = {name: t for name, t in requires_grad(config).items() if name.startswith("fitting.")}
    layers = ("fitting.layers.0", "fitting.layers.1", "fitting.output")
    assert found == {name: name.startswith(tuple(layers[k] for k in trained)) for name in found}


def test_jax_gives_what_is_frozen_no_gradient():
    jax = pytest.importorskip("jax")
    model = testing.perturbed_model(testing.small_config(trainable=False), backend="jax")
    weights, evaluate = model.as_pytree()
    prepared = model.prepare_systems([testing.water_box(1)])
    slopes = jax.grad(lambda w: evaluate(w, prepared)[0].energy)(weights)
    assert not slopes.descriptor.repinit.embedding.layers[0].weight.any()
    assert slopes.fitting.layers[0].weight.any()
