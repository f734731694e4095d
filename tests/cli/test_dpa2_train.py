"""`dpa2 train`: what it says before, during and after a training, and its exit codes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest
import small_course as small
from training_data import FOLDERS, TRAINING
from training_scripts import SINGLE, changed

import dpa2
from dpa2.training.loop import read_state


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


# Trainings


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with data and the scripts of a task and of two heads."""
    pytest.importorskip("torch")
    small.write_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    for name, given in (("input.json", small.SCRIPT), ("heads.json", small.HEADS)):
        (tmp_path / name).write_text(json.dumps(given))
    return tmp_path


def test_a_training_tells_its_rows_and_its_files(call, place):
    code, text, said = call("train", "input.json", "--backend", "torch", "--out", "new.dp", "--png", "curve.png")
    assert code == 0, said
    lines = text.splitlines()
    assert lines[0].startswith("training 205 numbers on torch, cpu: 6 steps")
    assert [line.split(",")[0] for line in lines if line.startswith("step ")] == [
        "step 1",
        "step 2",
        "step 4",
        "step 6",
    ]
    assert "rmse_f" in lines[1]
    assert "s/step" in lines[1]
    assert lines[-1] == "6 steps done; a model file: dpa2 convert model.ckpt-6.state model.dp"
    assert dpa2.load("new.dp").checkpoint().digest() == dpa2.load("model.ckpt.state").checkpoint().digest()
    assert (place / "curve.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_json_lines_have_the_same_facts(call, place):
    code, text, _ = call("train", "heads.json", "--backend", "torch", "--json")
    assert code == 0
    events = [json.loads(line) for line in text.splitlines()]
    assert [e["event"] for e in events] == ["begin", "row", "row", "saved", "row", "row", "saved", "end"]
    assert events[0]["heads"] == ["ice", "sea"]
    assert events[1]["trained"]["sea"]["rmse_f"] > 0
    last = {"event": "end", "steps": 6, "complete": True, "checkpoint": "model.ckpt-6.state"}
    assert events[-1] == last | {"target": None, "signal": None}


def test_a_training_goes_on_from_its_checkpoint(call, place):
    assert call("train", "input.json", "--backend", "torch")[0] == 0
    whole = (place / "model.ckpt-6.state").read_bytes()
    code, text, _ = call("train", "input.json", "--backend", "torch", "--restart", "model.ckpt-3.state")
    assert code == 0
    assert "from step 4 to 6" in text
    assert (place / "model.ckpt-6.state").read_bytes() == whole
    assert call("convert", "model.ckpt.state", "model.dp")[0] == 0


def running(place, *options: str) -> subprocess.Popen:
    """A training of many steps in a process of its own, which has shown a row and saved a checkpoint."""
    small_steps = changed(small.SCRIPT, {"training.numb_steps": 10**6, "training.save_freq": 2})
    (place / "long.json").write_text(json.dumps(small_steps))
    command = [sys.executable, "-m", "dpa2", "train", "long.json", "--backend", "torch", "--skip-neighbor-stat"]
    process = subprocess.Popen(
        [*command, *options], cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        if line.startswith("wrote"):
            return process
    raise AssertionError(process.stderr.read())


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_training_with_a_checkpoint_and_the_way_on(place, number, expected):
    process = running(place)
    process.send_signal(number)
    text, said = process.communicate(timeout=60)
    assert process.returncode == expected, said
    *_, last = text.splitlines()
    step = int(last.split()[3])
    assert last.endswith(f"go on with: dpa2 train long.json --restart model.ckpt-{step}.state")
    assert read_state(place / f"model.ckpt-{step}.state")[1]["step"] == step


def test_a_training_that_is_killed_leaves_a_whole_checkpoint(place):
    process = running(place)
    process.kill()
    process.communicate(timeout=60)
    step = read_state(place / "model.ckpt.state")[1]["step"]
    assert step % 2 == 0
    assert (place / "model.ckpt.state").resolve().name == f"model.ckpt-{step}.state"


def test_what_cannot_be_written_is_said_before_the_first_step(call, place):
    for options in (["--out", "new.pth"], ["--png", "curve.jpg"]):
        assert call("train", "input.json", *options)[0] == 2
    (place / "run").write_text("a file")
    code, _, said = call("train", "input.json", "--backend", "torch", "--json")
    assert code == 0
    (place / "blocked.json").write_text(json.dumps(changed(small.SCRIPT, {"training.save_dir": "run"})))
    code, _, said = call("train", "blocked.json", "--backend", "torch")
    assert code == 8
    assert "run" in said


def test_too_many_neighbours_are_refused_before_the_first_step(call, place):
    (place / "few.json").write_text(json.dumps(changed(small.SCRIPT, {"model.descriptor.repformer.nsel": 1})))
    code, _, said = call("train", "few.json", "--backend", "torch")
    assert code == 2
    assert "repformer holds 1; raise nsel" in said
    assert call("train", "few.json", "--backend", "torch", "--truncate")[0] == 0


def test_numpy_has_no_derivatives_by_weights(call, place):
    code, _, said = call("train", "input.json", "--backend", "numpy")
    assert code == 2
    assert "pip install 'dpa2[torch]'" in said
