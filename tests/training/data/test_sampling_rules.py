"""Batch sizes, probabilities of systems and lengths of epochs, against DeePMD-kit 3.2.0 (`data_cases.json`)."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from references import DATA

from dpa2.errors import ConfigurationError, UnsupportedModel
from dpa2.training.data.batch_size import read_batch_size
from dpa2.training.data.probabilities import read_style, steps_of_epoch, system_probabilities

CASES = json.loads((DATA / "training" / "data_cases.json").read_text())["sampling"]


def test_all_cases_of_the_reference_are_here():
    assert len(CASES) == 32


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['batch_size']} {c.get('auto_prob', c.get('sys_probs'))}")
def test_batches_and_probabilities_are_those_of_the_reference(case):
    frames = read_batch_size(case["batch_size"]).frames(case["natoms"])
    assert frames == case["resolved"]
    batches = [-(-n // b) for n, b in zip(case["nframes"], frames, strict=True)]
    assert batches == case["n_batches"]
    found = system_probabilities(batches, read_style(case.get("auto_prob", "prob_sys_size")), case.get("sys_probs"))
    np.testing.assert_allclose(found, case["prob"], rtol=1e-14)
    assert steps_of_epoch(batches, found) == case["epoch_steps"]


def test_a_filter_drops_large_systems():
    rule = read_batch_size("filter:12")
    assert rule.kept([10, 6, 192]) == [0, 1]
    assert read_batch_size("max:12").kept([10, 6, 192]) == [0, 1, 2]
    with pytest.raises(ConfigurationError, match="smallest has 20"):
        rule.kept([20, 30])


@given(st.lists(st.integers(1, 500), min_size=1), st.integers(1, 1000))
def test_automatic_sizes_reach_a_number_of_atoms_or_stay_below_it(atoms, wanted):
    for count, frames in zip(atoms, read_batch_size(f"auto:{wanted}").frames(atoms), strict=True):
        assert (frames - 1) * count < wanted <= frames * count
    for count, frames in zip(atoms, read_batch_size(f"max:{wanted}").frames(atoms), strict=True):
        assert (frames * count <= wanted < (frames + 1) * count) or (frames == 1 and count > wanted)


@pytest.mark.parametrize("value", [0, [], [1, 0], "auto:", "auto:0", "max", "filter", "auto:x", "autos", ""])
def test_what_is_no_rule_is_refused(value):
    with pytest.raises(ConfigurationError, match="batch_size"):
        read_batch_size(value)


@pytest.mark.parametrize("value", ["mixed:32", "mix:32"])
def test_batches_of_several_systems_are_not_supported(value):
    with pytest.raises(UnsupportedModel, match="several systems"):
        read_batch_size(value)


def test_a_list_has_a_number_for_each_system():
    with pytest.raises(ConfigurationError, match="2 numbers for 3 systems"):
        read_batch_size([1, 2]).frames([5, 5, 5])


STYLES = {
    "prob": "prob_uniform",
    "prob_uniform;0:1:1": "must be",
    "prob_sys_size;0:1": "no block",
    "prob_sys_size;0:2:1;1:3:1": "overlap",
    "prob_sys_size;0:1:-1": "not negative",
    "prob_sys_size;0:1:0": "positive weight",
    "prob_sys_size;0:1:nan": "not negative",
}


@pytest.mark.parametrize("text", STYLES)
def test_what_is_no_style_is_refused(text):
    with pytest.raises(ConfigurationError, match=re.escape(STYLES[text])):
        read_style(text)


def test_blocks_and_probabilities_fit_the_systems():
    with pytest.raises(ConfigurationError, match="up to 4, there are 3"):
        read_style("prob_sys_size;0:4:1").probabilities([1, 1, 1])
    for given_, words in (([0.5], "1 numbers for 2"), ([0.9, 0.9], "more than 1"), ([0.1, 0.2], "must sum to 1")):
        with pytest.raises(ConfigurationError, match=words):
            system_probabilities([1, 1], given=given_)


def test_systems_outside_of_all_blocks_are_never_chosen():
    found = read_style("prob_sys_size;1:3:1").probabilities([5, 1, 3])
    assert found.tolist() == [0.0, 0.25, 0.75]
    assert steps_of_epoch([5, 1, 3], found) == 4
