"""Modules of a tree in place of others: what a tree was stays as it was."""

from __future__ import annotations

import numpy as np
import pytest

from dpa2 import testing
from dpa2.config import Fitting
from dpa2.descriptor.weighting import Smooth
from dpa2.errors import ConfigurationError
from dpa2.nn.layers import Dense
from dpa2.nn.module import leaves, map_modules, recast, replaced


class Doubled(Dense):
    """Twice what the layer gives."""

    def vjp(self, x):
        y, pull = super().vjp(x)
        return 2.0 * y, lambda dy: 2.0 * pull(dy)


class Raised(Dense):
    """One more than the layer gives."""

    def vjp(self, x):
        y, pull = super().vjp(x)
        return 1.0 + y, pull


class Wide(Smooth):
    """A setting that stands in for another."""


def parts(tree, kind) -> list:
    """Everything of a class, or of one derived from it, in a tree."""
    found = []
    map_modules(lambda part: found.append(part) or part if isinstance(part, kind) else part, tree)
    return found


def test_all_of_a_class_are_replaced_and_the_tree_that_was_is_not():
    tree = testing.perturbed_model(testing.small_config()).weights
    other = replaced(replaced(tree, Dense, Doubled), Smooth, Wide)
    assert {type(part) for part in parts(other, Dense)} == {Doubled}
    assert {type(part) for part in parts(other, Smooth)} == {Wide}
    assert {type(part) for part in parts(tree, Dense)} == {Dense}
    assert len(parts(tree, Smooth)) == len(parts(other, Smooth)) > 2
    assert leaves(tree).keys() == leaves(map_modules(lambda part: part, tree)).keys()


def test_a_second_change_of_a_module_comes_on_top_of_the_first():
    layer, x = Dense(np.eye(2), None, None, "linear"), np.ones((2, 3))
    once = layer.vjp(x)[0]
    assert np.array_equal(recast(recast(layer, Doubled), Raised).vjp(x)[0], 1.0 + 2.0 * once)
    assert np.array_equal(recast(recast(layer, Raised), Doubled).vjp(x)[0], 2.0 * (1.0 + once))


@pytest.mark.parametrize("wrong", [np.tanh, 3, None])
def test_a_configuration_takes_names_of_activations_only(wrong):
    with pytest.raises(ConfigurationError, match="must be a str"):
        Fitting(activation=wrong)
