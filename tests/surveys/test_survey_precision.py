"""Errors of a lower precision are found where they arise, whatever else a structure holds."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from crowds import DENSE, SMALL
from tolerances import assert_close

import dpa2
from dpa2 import demo, testing
from dpa2.surveys.precision import largest_growth, survey_precision
from dpa2.tracing.masks import meaningful, occupied_slots

pytestmark = pytest.mark.filterwarnings("ignore::dpa2.TruncationWarning")  # lists are cut on purpose

ROUNDED = {  # a weight, and the first tensor that it enters
    "descriptor.repinit.embedding.layers.0.weight": "repinit/gg",
    "fitting.layers.1.weight": "fitting/hidden1",
}


@pytest.mark.parametrize("weight", ROUNDED)
def test_a_single_weight_that_is_rounded_is_found(weight):
    model = dpa2.load(demo.MODEL)
    state = model.state_dict()
    rounded = model.with_state(state | {weight: np.round(state[weight], 2)})
    found = survey_precision(model, rounded, [testing.water_box(8)], "truncate")
    assert next(tensor.name for tensor in found if tensor.error > 0) == ROUNDED[weight]
    assert largest_growth(found, "float32").name == ROUNDED[weight]


def test_the_error_of_several_frames_is_that_of_the_worst():
    model, boxes = dpa2.load(demo.MODEL), [testing.water_box(8, seed=seed) for seed in range(3)]
    lower = model.to("numpy", dtype="float32")
    together = survey_precision(model, lower, boxes, "truncate")
    apart = [survey_precision(model, lower, [box], "truncate") for box in boxes]
    for found, *each in zip(together, *apart, strict=True):
        errors_of = [tensor.error for tensor in each]
        assert (found.error, found.frame) == (max(errors_of), f"structure {np.argmax(errors_of)}")


@pytest.mark.parametrize("excluded", [(), ((0, 1),)])
def test_what_is_compared_does_not_depend_on_how_many_slots_others_need(excluded):
    """A far cluster widens all lists; slots of the near one that are empty for that reason are left out."""
    strip = dataclasses.replace(SMALL.repinit, type_input="strip")
    config = dataclasses.replace(SMALL, excluded_pairs=excluded, repinit=strip)
    model, near = testing.perturbed_model(config), testing.scattered_atoms(5, types=2, apart=1.1)
    places, types = np.concatenate([near.coordinates, DENSE + 50.0]), np.concatenate([near.types, [0, 1] * 13 + [0]])
    one, other = dpa2.trace(model, near.coordinates, near.types), dpa2.trace(model, places, types)
    assert other["nlist/rf"].shape[1] > one["nlist/rf"].shape[1]
    for name in one.keys() - {"energy", "virial"}:
        if not name.startswith("nlist") and name != "repinit/diff":
            assert_close("batch", chosen(name, other, types, model), chosen(name, one, near.types, model), name)


def test_excluded_pairs_are_left_out_in_the_repformer_which_takes_their_slots_for_empty():
    model = testing.perturbed_model(testing.small_config(excluded_pairs=((0, 1),)))
    system = testing.scattered_atoms(9, types=2, apart=1.0)
    seen, types = dpa2.trace(model, system.coordinates, system.types), system.types
    for name, block, left_out in (("repinit/sw", "ri", False), ("repformer/sw", "rf", True)):
        near = seen[f"nlist/{block}_local"]
        alike = types[near] == types[:, None]
        assert not alike[near >= 0].all()
        used = meaningful(name, near.shape, occupied_slots(seen, types, model.config.excluded_pairs))
        np.testing.assert_array_equal(used, (near >= 0) & (alike | (not left_out)))


def chosen(name: str, trace: dict, types: np.ndarray, model) -> np.ndarray:
    """The part of a tensor that is compared, of the first five atoms."""
    value = trace[name]
    used = meaningful(name, value.shape, occupied_slots(trace, types, model.config.excluded_pairs))
    rows = 5 if len(value) == len(types) else len(value)
    return value[:rows][used[:rows]]


def test_energies_are_compared_without_the_bias_which_would_hide_their_errors():
    """A bias a million times larger changes no error, and virtual atoms count for nothing."""
    model, box = dpa2.load(demo.MODEL), testing.water_box(8)
    state = model.state_dict()
    errors_of = []
    for factor in (1.0, 2.0**20):
        heavy = model.with_state(state | {"bias": state["bias"] * factor})
        found = survey_precision(heavy, heavy.to("numpy", dtype="float32"), [box], "truncate")
        errors_of.append({tensor.name: tensor for tensor in found})
    light, heavy = errors_of
    net = abs(dpa2.trace(model, box, neighbors="truncate")["fitting/net_out"])
    assert light["atom_energy"].largest == pytest.approx(net.max(), rel=1e-9)
    assert heavy["atom_energy"].largest == pytest.approx(net.max(), rel=1e-4)
    assert heavy["atom_energy"].error == pytest.approx(light["atom_energy"].error, rel=0.1)
    assert light["energy"].per_atom == light["energy"].deviation / 24
