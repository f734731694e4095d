"""Output biases from data, against those that DeePMD-kit 3.2.0 fitted (`data/training/bias_cases.json`)."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from training_data import FOLDERS, TRAINING

import dpa2
from dpa2.data import Frame
from dpa2.training.script.file import read_script
from dpa2.training.script.script import parse_script

CASES = json.loads((TRAINING / "bias_cases.json").read_text())
SET = [name for name in CASES if name.startswith("set/") and CASES[name]["counts"]]
CHANGE = [name for name in CASES if name.startswith("change/")]


def fresh(options: dict) -> dpa2.Model:
    """A model of the reference's script with some options in its section `model`."""
    script = json.loads((TRAINING / "allterms_adamw" / "input.json").read_text())
    script["model"] |= options
    return dpa2.build(parse_script(script).config(), seed=1)


def data(case: dict, type_map=("O", "H")):
    return dpa2.read_dataset([FOLDERS[name.rpartition("/")[2]] for name in case["systems"]], type_map)


def assert_fitted(found: dpa2.Model, case: dict):
    np.testing.assert_allclose(found.weights.bias, case["out_bias"], rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(found.weights.deviation, case["out_std"], rtol=1e-12)


def test_the_cases_of_the_reference_are_here():
    assert (len(SET), len(CHANGE)) == (5, 2)


@pytest.mark.parametrize("name", SET)
def test_a_bias_is_set_as_the_reference_sets_it(name):
    """With presets, with excluded types, and with `rcond`, which has no effect."""
    case = CASES[name]
    assert_fitted(dpa2.fit_output_bias(fresh(case["options"]), data(case)), case)


@pytest.mark.parametrize("name", CHANGE)
def test_a_bias_is_changed_as_the_reference_changes_it(name):
    case, model = CASES[name], dpa2.load(TRAINING / "allterms_adamw" / "initial.dp")
    np.testing.assert_allclose(model.weights.bias, case["old_bias"], rtol=1e-14)
    assert_fitted(dpa2.fit_output_bias(model, data(case), change=True), case)


def test_a_preset_bias_is_added_when_a_bias_is_changed():
    """What the reference does (7.2 of the specification of training): presets are those of the change."""
    case, preset = CASES["change/mixC"], -0.25
    model = dpa2.load(TRAINING / "allterms_adamw" / "initial.dp")
    config = dataclasses.replace(model.config, preset_bias=(None, preset))
    model = dpa2.Model.from_checkpoint(dataclasses.replace(model.checkpoint(), config=config))
    found = dpa2.fit_output_bias(model, data(case), change=True).weights
    counts, missing = np.array(case["counts"]), np.array(case["energies"]) - case["predicted"]
    oxygens = counts[:, 0]
    expected = (oxygens @ (missing - preset * counts[:, 1])) / (oxygens @ oxygens)
    np.testing.assert_allclose(found.bias - case["old_bias"], [expected, preset], rtol=1e-11)


def test_a_bias_of_the_other_order_of_types_is_the_same():
    """As in `finetune_cases.json`, `swapped`: the same numbers in the other order."""
    case = CASES["change/mixC"]
    script = read_script(TRAINING / "allterms_adamw" / "input.json")
    swapped = dpa2.build(dataclasses.replace(script.config(), types=("H", "O")), seed=1)
    found = dpa2.fit_output_bias(swapped, data(case, ("H", "O"))).weights.bias
    np.testing.assert_allclose(found[::-1], CASES["set/mixC"]["out_bias"], rtol=1e-12)


def test_types_that_never_occur_have_no_bias():
    frames = [Frame(dpa2.System(np.eye(3)[:1] * 3 * k, [0]), -5.0, *[None] * 4, "one") for k in (1, 2)]
    found = dpa2.fit_output_bias(fresh({}), frames).weights
    np.testing.assert_allclose(found.bias, [-5.0, 0.0], rtol=1e-12, atol=1e-12)
