"""`dpa2 train --check`: a page, or one JSON object, and an exit code."""

from __future__ import annotations

import json

import pytest
from training_data import FOLDERS, TRAINING
from training_scripts import SINGLE, changed


@pytest.fixture
def script(tmp_path):
    """A file with the script of a task; changes by path."""

    def written(**changes):
        given = {"training.training_data.systems": [str(FOLDERS["sysA"]), str(FOLDERS["sysB"])]}
        given |= {path.replace("__", "."): value for path, value in changes.items()}
        (tmp_path / "input.json").write_text(json.dumps(changed(SINGLE, given)))
        return tmp_path / "input.json"

    return written


def test_a_page_says_what_would_happen(call, script):
    code, text, said = call("train", "--check", script(optimizer__type="AdamW"))
    assert code == 0, said
    for words in (
        "100 steps of AdamW",
        "0.001 in step 0",
        "prefactors e 0.02 → 1, f 1000 → 1",
        "sysB",
        "repinit",
        "MB",
    ):
        assert words in text
    assert "warning: AdamW decays nothing" in said
    assert len(text.splitlines()) < 30


def test_json_has_the_same_facts(call, script):
    code, text, _ = call("train", "--check", script(), "--json")
    assert code == 0
    found = json.loads(text)
    assert found["steps"] == 100
    assert [s["frames"] for s in found["tasks"][0]["training"]] == [7, 5]
    assert [b["block"] for b in found["tasks"][0]["blocks"]] == ["repinit", "repformer"]


def test_heads_are_listed_one_after_another(call, monkeypatch):
    monkeypatch.chdir(TRAINING / "multitask")
    code, text, _ = call("train", "--check", "input.json")
    assert code == 0
    assert "head h1, chosen in 25 %" in text
    assert "head h2, chosen in 75 %" in text


def test_too_many_neighbours_have_an_exit_code_of_their_own(call, script):
    code, _, said = call("train", "--check", script(model__descriptor__repformer__nsel=5))
    assert code == 6
    assert "repformer holds 5" in said


def test_errors_name_the_file_and_the_path(call, script):
    file = script(training__disp_frq=5)
    code, _, said = call("train", "--check", file)
    assert code == 2
    assert str(file) in said
    assert "training.disp_frq = 5" in said
    assert "did you mean 'disp_freq'" in said


def test_without_check_nothing_is_trained_yet(call, script):
    code, _, said = call("train", script())
    assert code == 2
    assert "--check" in said
