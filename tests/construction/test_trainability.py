"""What the configuration freezes is frozen for those who train."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dpa2 import testing
from dpa2.construction.initialization import fresh_weights
from dpa2.errors import ConfigurationError

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


def test_residual_scales_of_a_frozen_descriptor_are_drawn_like_others():
    """As by DeePMD-kit 3.2.0, which draws the same numbers with `trainable` false and true."""
    frozen, free = (
        fresh_weights(testing.small_config(trainable=flag), 1).descriptor.repformer for flag in (False, True)
    )
    for one, other in zip(frozen.layers, free.layers, strict=True):
        assert all(scale.all() for scale in one.atom_scale)
        np.testing.assert_array_equal(np.concatenate(one.atom_scale), np.concatenate(other.atom_scale))


def test_norms_are_trained_with_the_rest_of_the_descriptor():
    """As by DeePMD-kit 3.2.0, where a step with `trainable_ln` false changes them."""
    config = testing.small_config()
    config = dataclasses.replace(config, repformer=dataclasses.replace(config.repformer, trainable_norm=False))
    found = requires_grad(config)
    assert len([name for name in found if ".norm." in name]) == 4
    assert all(found.values())


FLAGS = {"all": ((True, True, True), True), "two": ((True, False, True), False), "none": ((False,) * 3, False)}


@pytest.mark.parametrize(("flags", "trained"), FLAGS.values(), ids=FLAGS)
def test_a_list_trains_the_fitting_net_if_all_of_it_is_true(flags, trained):
    """As by DeePMD-kit 3.2.0: a step with [true, true, true, false] or [false, true, false, true] changes no layer."""
    config = testing.small_config()
    config = dataclasses.replace(config, fitting=dataclasses.replace(config.fitting, trainable=flags))
    found = requires_grad(config)
    assert {found[name] for name in found if name.startswith("fitting.")} == {trained}
    assert all(found[name] for name in found if name.startswith("descriptor."))


def test_flags_of_another_number_than_the_layers_are_refused():
    config = testing.small_config()
    config = dataclasses.replace(config, fitting=dataclasses.replace(config.fitting, trainable=(True, True)))
    with pytest.raises(ConfigurationError, match=r"fitting\.trainable = .*one for each of 3 layers"):
        requires_grad(config)


def test_jax_gives_what_is_frozen_no_gradient():
    jax = pytest.importorskip("jax")
    model = testing.perturbed_model(testing.small_config(trainable=False), backend="jax")
    weights, evaluate = model.as_pytree()
    prepared = model.prepare_systems([testing.water_box(1)])
    slopes = jax.grad(lambda w: evaluate(w, prepared)[0].energy)(weights)
    assert not slopes.descriptor.repinit.embedding.layers[0].weight.any()
    assert slopes.fitting.layers[0].weight.any()
