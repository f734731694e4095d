"""`dpa2 train` in several processes of PyTorch: one tells and writes, and none outlives the others."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import small_course as small
from training_data import write_folder
from training_scripts import changed

import dpa2
from dpa2.training.loop import read_state

ROOT = Path(dpa2.__file__).parents[1]
SECONDS = 100  # in which a job must end; it takes two on a machine that is not busy


STARTED: list[subprocess.Popen] = []


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with data; what a test started ends with it."""
    pytest.importorskip("torch")
    small.write_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    while STARTED:
        with STARTED.pop() as process:
            process.kill()


def launched(place: Path, script: dict, *options: str, agent: bool = True) -> list[subprocess.Popen]:
    """Two processes of a training: started by torchrun, which is then the one that is returned, or by hand."""
    (place / "input.json").write_text(json.dumps(script))
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = str(one.getsockname()[1])
    command = ["-m", "dpa2", "train", "input.json", "--backend", "torch", "--skip-neighbor-stat", *options]
    usual = {"PYTHONPATH": str(ROOT)}
    if agent:
        start = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", port]
        return [process(place, [*start, *command], usual)]
    usual |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    return [process(place, command, usual | {"RANK": str(k), "LOCAL_RANK": str(k)}) for k in range(2)]


def process(place: Path, words: list[str], variables: dict[str, str]) -> subprocess.Popen:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    STARTED.append(subprocess.Popen([sys.executable, *words], cwd=place, env=os.environ | variables, **pipes))
    return STARTED[-1]


LONG = changed(small.SCRIPT, {"training.numb_steps": 10**6, "training.save_freq": 2})


def wait_for_checkpoint(process: subprocess.Popen) -> None:
    for line in process.stdout:
        if line.startswith("wrote"):
            return
    raise AssertionError(process.stderr.read())


def test_a_process_that_is_killed_ends_the_others_with_a_message(place):
    first, second = launched(place, LONG, agent=False)
    wait_for_checkpoint(first)
    second.kill()
    _, said = first.communicate(timeout=SECONDS)
    assert first.returncode == 2
    (message,) = [line for line in said.splitlines() if line.startswith("BackendError")]
    assert "another process of this training has ended" in message
    step = read_state(place / "model.ckpt.state")[1]["step"]
    assert (place / "model.ckpt.state").resolve().name == f"model.ckpt-{step}.state"
    assert second.communicate(timeout=SECONDS)[0] == ""


@pytest.mark.slow
def test_the_first_process_may_be_the_one_that_is_killed(place):
    first, second = launched(place, LONG, agent=False)
    wait_for_checkpoint(first)
    first.kill()
    _, said = second.communicate(timeout=SECONDS)
    assert second.returncode == 2
    assert "another process of this training has ended" in said


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_one_process_ends_all_after_the_same_step(place, number):
    first, second = launched(place, LONG, agent=False)
    wait_for_checkpoint(first)
    second.send_signal(number)
    text, said = first.communicate(timeout=SECONDS)
    assert first.returncode == 128 + number, said
    assert second.communicate(timeout=SECONDS)[0] == ""
    assert second.returncode == 128 + number
    *_, last = text.splitlines()
    step = int(last.split()[3])
    assert last.endswith(f"go on with: dpa2 train input.json --restart model.ckpt-{step}.state")
    assert read_state(place / f"model.ckpt-{step}.state")[1]["step"] == step


@pytest.mark.slow
def test_a_signal_to_torchrun_ends_the_training_with_a_checkpoint(place):
    (job,) = launched(place, LONG)
    wait_for_checkpoint(job)
    job.send_signal(signal.SIGTERM)
    text, said = job.communicate(timeout=SECONDS)
    assert "stopped after step" in text, said


@pytest.mark.slow
@pytest.mark.parametrize("script", [small.SCRIPT, small.HEADS], ids=["one task", "two heads"])
def test_a_restarted_training_ends_like_one_that_was_not_interrupted(place, script, call):
    """Without a seed, for the heads to be agreed upon."""
    given = changed(script, {"training.seed": None})

    def ran(*options: str) -> str:
        (job,) = launched(place, given, *options)
        text, said = job.communicate(timeout=4 * SECONDS)
        assert job.returncode == 0, said
        return text

    lines = ran().splitlines()
    assert "2 devices: 6 steps" in lines[0]
    assert [line.split(",")[0] for line in lines if line.startswith("step")] == ["step 1", "step 2", "step 4", "step 6"]
    whole = (place / "model.ckpt-6.state").read_bytes()
    rows = (place / "lcurve.out").read_text().splitlines()
    notes = read_state(place / "model.ckpt-6.state")[1]
    first, second = ([feed["training"]["generator"] for feed in rank.values()] for rank in notes["ranks"])
    assert all(own != other for own, other in zip(first, second, strict=True))
    ran("--restart", "model.ckpt-3.state")
    assert (place / "model.ckpt-6.state").read_bytes() == whole
    assert (place / "lcurve.out").read_text().splitlines()[-2:] == rows[-2:]
    code, _, said = call("train", "input.json", "--backend", "torch", "--restart", "model.ckpt-3.state")
    assert code == 0
    assert "of another number of devices" in said


@pytest.mark.slow
def test_what_stops_all_processes_is_told_once(place):
    write_folder(place / "huge", types=(0, 1, 1), frames=2, energy=np.array([1.0, 1e200]))  # the second rank has that
    data = {"training.training_data.systems": ["huge"], "training.training_data.batch_size": 1}
    first, second = launched(place, changed(LONG, data), agent=False)
    _, said = first.communicate(timeout=SECONDS)
    assert first.returncode == second.wait(SECONDS) == 2
    assert said.count("TrainingStopped") == 1
    assert "huge" in said
    assert second.stderr.read() == ""
    few = changed(small.SCRIPT, {"training.training_data.systems": ["first"], "model.fitting_net.numb_fparam": 1})
    first, second = launched(place, few, agent=False)
    _, said = first.communicate(timeout=SECONDS)
    assert first.returncode == second.wait(SECONDS) == 2
    assert len(said.splitlines()) == 1
    assert second.stderr.read() == ""
