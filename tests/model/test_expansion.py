"""Embedding nets expanded in Chebyshev polynomials: the same numbers, or a refusal."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from libraries import OTHERS
from references import host, moved
from strict import Strict, on
from tolerances import assert_close

import dpa2
from dpa2 import testing
from dpa2.descriptor.expansion import ExpandedRepinit, ExpandedThreeBody
from dpa2.errors import InputError, UnsupportedModel
from dpa2.evaluation.forces import evaluate_prepared
from dpa2.model.preparation import in_chunks, with_neighbors

FIELDS = ("energy", "forces", "virial", "atom_energy")
KINDS = {
    "concat": {},
    "one-sided": {"one_sided": True},
    "strip": {"type_input": "strip"},
    "strip one-sided": {"type_input": "strip", "one_sided": True},
}


def model_of(kind: str, **changes) -> dpa2.Model:
    """A small model of initial statistics, on which few terms do."""
    config = testing.small_config(**changes)
    config = dataclasses.replace(config, repinit=dataclasses.replace(config.repinit, **KINDS[kind]))
    return testing.perturbed_model(config, seed=2, statistics="computed")


def water():
    return testing.water_box(8, seed=4)


def evaluate(model, program=None):
    systems, lists = with_neighbors(model.config, [water()], "truncate")
    ready = in_chunks(model.config, model.backend, systems, lists)
    return evaluate_prepared(program or model.program_for(lists), model.backend, ready, False)[0]


@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_an_expanded_model_gives_the_numbers_of_its_nets(kind, smooth):
    model = model_of(kind, smooth=smooth)
    fast = model.accelerate(tolerance=1e-12, closest=0.9)
    assert isinstance(fast.fast_program.descriptor.initial.repinit, ExpandedRepinit)
    for name in FIELDS:
        assert_close("expansion", getattr(evaluate(fast), name), getattr(evaluate(model), name), name)


@pytest.mark.parametrize("library", [*OTHERS, "strict"])
def test_an_expanded_model_gives_the_same_on_every_library(library):
    model = model_of("strip").accelerate(tolerance=1e-12, closest=0.9)
    expected = evaluate(model)
    other = on(model, Strict()) if library == "strict" else moved(model, library)
    found = evaluate(dataclasses.replace(other, acceleration=model.acceleration))
    for name in FIELDS:
        assert_close("libraries", host(other, getattr(found, name)), getattr(expected, name), name)


def test_a_three_body_net_is_expanded_where_few_terms_do():
    config = testing.small_config()
    model = dpa2.build(config, seed=1)
    initial = model.accelerate(tolerance=1e-9, closest=0.9).fast_program.descriptor.initial
    assert isinstance(initial.three_body, ExpandedThreeBody)


def test_atoms_closer_than_asked_for_are_left_to_the_nets():
    model = model_of("concat")
    fast = model.accelerate(tolerance=1e-9, closest=0.9)
    close = [[0, 0, 0], [0, 0, 0.7], [0, 1.5, 0.0]], ["O", "H", "H"]
    assert np.array_equal(fast.evaluate(*close).forces, model.evaluate(*close).forces)


def test_a_net_with_kinks_is_refused():
    config = testing.small_config()
    config = dataclasses.replace(config, repinit=dataclasses.replace(config.repinit, activation="relu"))
    with pytest.raises(UnsupportedModel, match="Chebyshev terms leave an error"):
        testing.perturbed_model(config, seed=2).accelerate()


@pytest.mark.parametrize("options", [{"tolerance": 0.0}, {"closest": -1.0}])
def test_senseless_demands_are_refused(options):
    with pytest.raises(InputError, match="must be a positive number"):
        model_of("concat").accelerate(**options)
