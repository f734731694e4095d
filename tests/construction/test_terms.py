"""A term of a repformer layer is one class and one line in the table."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from tolerances import assert_close

from dpa2 import testing
from dpa2.config import Repformer
from dpa2.construction import build
from dpa2.descriptor.features import Features
from dpa2.descriptor.repformer import TERMS
from dpa2.descriptor.term import Term, TermContext
from dpa2.nn.layers import Linear
from dpa2.nn.module import leaves, module
from dpa2.nn.roles import inline


@module
class Doubled(Term):
    """A made-up update of f and g: f W, and 2 g."""

    name: ClassVar[str] = "doubled"
    updated = ("atom", "pair")

    linear: Linear = inline()

    @classmethod
    def exists(cls, settings: Repformer, last: bool) -> bool:
        return not last

    @classmethod
    def build(cls, context: TermContext):
        width = context.settings.atom_dim
        return cls(Linear.build(context.take, width, width, bias=False))

    def vjp(self, x, sums):
        y, pull = self.linear.vjp(x.atom)
        return Features(atom=y, pair=2.0 * x.pair), lambda dy: Features(atom=pull(dy.atom), pair=2.0 * dy.pair)


@pytest.mark.parametrize("residual", ["trainable", "average", "increment"])
def test_a_further_term_counts_in_residuals_and_has_tensors(residual, monkeypatch):
    monkeypatch.setattr(build, "TERMS", (*TERMS, Doubled))
    changes = {"cutoff": 3.2, "inner_cutoff": 1.0, "max_neighbors": 45, "atom_dim": 6, "pair_dim": 4, "axis": 2}
    config = testing.small_config(repformer=Repformer(**changes, layers=2, residual=residual))
    model = testing.perturbed_model(config, seed=1)
    tensors = leaves(model.weights)
    assert "descriptor.repformer.layers.0.doubled.weight" in tensors
    scales = [name for name in tensors if name.startswith("descriptor.repformer.layers.0.atom_scale.")]
    assert len(scales) == (5 if residual == "trainable" else 0)
    system = testing.water_box(2)
    assert testing.check_forces(model.evaluate, system) < 1e-6


def test_terms_have_names_of_their_own_where_both_can_exist():
    settings = testing.small_config().repformer
    for last in (False, True):
        names = [term.name for term in TERMS if term.exists(settings, last)]
        assert len(set(names)) == len(names)


def test_scales_multiply_updates_in_the_order_of_the_table():
    model = testing.perturbed_model(testing.small_config(), seed=2)
    layer = model.weights.descriptor.repformer.layers[0]
    step = layer.fold()
    x = features(np.random.default_rng(0), layer)
    updates = [update.vjp(x, sums())[0] for update in step.updates]
    expected = x.atom + sum(s * u.atom for s, u in zip(layer.atom_scale, atoms(updates), strict=True))
    assert_close("batch", step.vjp(x, sums())[0].atom, expected, "f")


def atoms(updates) -> list:
    return [update for update in updates if update.atom is not None]


def features(rng, layer) -> Features:
    f, g = layer.atom_scale[0].shape[0], layer.pair_scale[0].shape[0]
    shapes = {"atom": (3, f), "near": (3, 4, f), "pair": (3, 4, g), "direction": (3, 4, 3)}
    return Features(**{n: rng.normal(size=s) for n, s in shapes.items()}, switch=rng.uniform(size=(3, 4)))


def sums():
    from dpa2.descriptor.features import Sums

    return Sums(np.ones((3, 1)), np.ones((3, 1)))
