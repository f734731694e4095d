"""`dpa2 change-bias`, against the biases that DeePMD-kit 3.2.0 fitted to the same data."""

from __future__ import annotations

import json

import numpy as np
import pytest
from training_data import FOLDERS, TRAINING, write_folder

import dpa2

CASES = json.loads((TRAINING / "bias_cases.json").read_text())
INITIAL = TRAINING / "allterms_adamw" / "initial.dp"


@pytest.mark.parametrize(("mode", "folders", "case"), [
    ("change", ("mixC",), "change/mixC"),
    ("change", ("sysA", "sysB"), "change/AB"),
    ("set", ("mixC",), "set/mixC"),
    ("set", ("sysA", "sysB"), "set/AB"),
])  # fmt: skip
def test_the_file_that_is_written_has_the_references_bias(mode, folders, case, call, tmp_path):
    target, expected = tmp_path / "new.dp", CASES[case]
    words = [INITIAL, *(FOLDERS[name] for name in folders), "--mode", mode, "--out", target, "--json"]
    code, text, said = call("change-bias", *words)
    assert code == 0, said
    told, new, old = json.loads(text), dpa2.load(target), dpa2.load(INITIAL)
    np.testing.assert_allclose(new.weights.bias, expected["out_bias"], rtol=1e-12)
    np.testing.assert_allclose(new.weights.deviation, expected["out_std"], rtol=1e-12)
    assert (told["mode"], told["frames"], told["types"]) == (mode, len(expected["energies"]), ["O", "H"])
    assert told["new_bias"] == new.weights.bias.tolist()
    assert told["digest"] == new.checkpoint().digest()
    assert {n: array.tobytes() for n, array in new.state_dict().items() if n not in ("bias", "deviation")} == {
        n: array.tobytes() for n, array in old.state_dict().items() if n not in ("bias", "deviation")
    }


def test_errors_before_and_after_are_those_of_evaluations(call, tmp_path):
    target = tmp_path / "new.dp"
    code, text, _ = call("change-bias", INITIAL, FOLDERS["mixC"], "--out", target, "--json")
    assert code == 0
    for file, told in zip((INITIAL, target), json.loads(text)["energy_rmse_per_atom"], strict=True):
        _, out, _ = call("eval", file, FOLDERS["mixC"], "--truncate", "--json")
        assert told == pytest.approx(json.loads(out)["summary"]["energy_rmse_per_atom"], rel=1e-9)


def test_values_take_the_place_of_a_fit_and_nothing_is_written_unasked(call, tmp_path):
    code, text, _ = call("change-bias", INITIAL, FOLDERS["sysB"], "--values", "-3.5,-1.25")
    assert code == 0
    assert "-3.5" in text
    assert "nothing is written" in text
    assert not list(tmp_path.iterdir())
    target = tmp_path / "new.dp"
    call("change-bias", INITIAL, FOLDERS["sysB"], "--values", "-3.5,-1.25", "--out", target)
    assert dpa2.load(target).weights.bias.tolist() == [-3.5, -1.25]


@pytest.mark.parametrize(("words", "said"), [
    (["--mode", "add"], "must be one of change, set"),
    (["--values", "1"], "2 finite numbers, for O, H"),
    (["--values", "1,x"], "no list of numbers"),
    (["--values", "1,inf"], "finite"),
])  # fmt: skip
def test_wrong_words_are_refused(words, said, call):
    code, _, told = call("change-bias", INITIAL, FOLDERS["sysB"], *words)
    assert code == 2
    assert said in told


def test_data_without_energies_and_files_that_exist_are_refused(call, tmp_path):
    place = write_folder(tmp_path / "a", energy=None)
    code, _, told = call("change-bias", INITIAL, place)
    assert code == 2
    assert "have energies" in told
    (tmp_path / "new.dp").write_text("mine")
    code, _, told = call("change-bias", INITIAL, FOLDERS["sysB"], "--out", tmp_path / "new.dp")
    assert code == 2
    assert "--force" in told
    assert (tmp_path / "new.dp").read_text() == "mine"
