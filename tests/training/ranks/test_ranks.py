"""Several ranks make the steps of one process that has the frames of all of them."""

from __future__ import annotations

import json
import os
import pickle
import socket
import subprocess
import sys
from pathlib import Path

import many_ranks
import numpy as np
import pytest
import small_course as small
from tolerances import TOLERANCES

import dpa2
from dpa2.backends import ranks as module
from dpa2.backends.ranks import Alone, by_first, connect, exchange, together
from dpa2.errors import BackendError, InputError, TrainingStopped

PROGRAM = many_ranks.__file__
TESTS, ROOT = Path(PROGRAM).parent, Path(dpa2.__file__).parents[1]
LAUNCHED = ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", module.COORDINATOR)


def environment(**more: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{TESTS}"} | more


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def require_equal_parameters(out: Path) -> None:
    """The ranks have the same parameters, to the bit, and they are those of one process with all frames."""
    first, second = (dict(np.load(out / f"{rank}.npz")) for rank in range(2))
    assert all(first[name].tobytes() == second[name].tobytes() for name in first)
    expected, norms = many_ranks.whole()
    tolerance = TOLERANCES["final parameters"][0]
    for name, array in expected.items():
        kind = name.partition("/")[0]
        if kind in ("weights", "average"):
            np.testing.assert_allclose(first[name], array, rtol=0, atol=tolerance, err_msg=name)
        if kind == "updates":
            assert first[name] == array == many_ranks.STEPS
    facts = [json.loads(file.read_text()) for file in out.glob("*.json")]
    assert [each["count"] for each in facts] == [2] * len(facts)
    assert all([rank for own in each["gathered"] for rank in own] == [0, 1] for each in facts)
    assert all(each["norms"] == pytest.approx(norms, rel=1e-10) for each in facts)
    (message,) = {each["stopped"] for each in facts}
    assert "frames [1] is inf" in message


def test_two_processes_of_pytorch_make_the_steps_of_one(tmp_path):
    pytest.importorskip("torch")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port"]
    command += [str(free_port()), PROGRAM, "torch", "1", str(tmp_path)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    require_equal_parameters(tmp_path)


@pytest.mark.slow
def test_two_devices_of_a_process_of_jax_make_the_steps_of_one(tmp_path):
    pytest.importorskip("jax")
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"
    command = [sys.executable, PROGRAM, "jax", "2", str(tmp_path)]
    done = subprocess.run(command, env=environment(XLA_FLAGS=flags), capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    require_equal_parameters(tmp_path)


@pytest.mark.slow
def test_two_processes_of_jax_make_the_steps_of_one(tmp_path):
    pytest.importorskip("jax")
    place = {module.COORDINATOR: f"127.0.0.1:{free_port()}", "JAX_NUM_PROCESSES": "2"}
    command = [sys.executable, PROGRAM, "jax", "1", str(tmp_path)]
    started = [
        subprocess.Popen(command, env=environment(**place, JAX_PROCESS_ID=str(k)), stderr=subprocess.PIPE, text=True)
        for k in range(2)
    ]
    for process in started:
        _, said = process.communicate(timeout=600)
        assert process.returncode == 0, said
    require_equal_parameters(tmp_path)


@pytest.mark.parametrize("killed", [1, pytest.param(0, marks=pytest.mark.slow)])
def test_a_process_of_jax_that_is_killed_ends_the_others_with_a_message(killed):
    """The first process is the one through which the others are connected; JAX ends them itself when it is gone."""
    pytest.importorskip("jax")
    place = {module.COORDINATOR: f"127.0.0.1:{free_port()}", "JAX_NUM_PROCESSES": "2"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    command = [sys.executable, str(TESTS / "endless_rank.py"), "jax"]
    started = [subprocess.Popen(command, env=environment(**place, JAX_PROCESS_ID=str(k)), **pipes) for k in range(2)]
    assert all(any("exchanged" in line for line in process.stdout) for process in started)
    started[killed].kill()
    left = started[1 - killed]
    _, said = left.communicate(timeout=60)
    assert left.returncode not in (0, 1)
    assert "another process of this training has ended" in said or "another task died" in said
    started[killed].communicate(timeout=60)


# Without other processes


def test_a_training_on_another_number_of_ranks_draws_its_frames_anew(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    small.write_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    before, after = small.started(), small.started()
    before.trainer.step(before.feeds[""].next(), 0.01)
    before.feeds[""].close()
    notes = before.notes(1)
    after.restore(before.trainer.state(), notes | {"ranks": [notes["feeds"]] * 2})
    fresh = small.started().feeds[""].to_plain()
    assert after.anew
    assert after.feeds[""].to_plain() == fresh != notes["feeds"][""]
    after.restore(before.trainer.state(), notes)
    assert not after.anew
    assert after.feeds[""].to_plain() == notes["feeds"][""]


@pytest.fixture
def bare(monkeypatch):
    """A process that nobody has started as one of several."""
    for name in LAUNCHED:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_a_process_that_is_not_one_of_several_is_alone(bare, library):
    found = connect(library, "cpu")
    assert (found.count, found.own, found.devices) == (1, (0,), ("cpu",))
    bare.setenv("WORLD_SIZE", "1")  # torchrun with one process
    assert isinstance(connect(library), Alone)


def test_processes_that_are_started_for_another_library_are_refused(bare):
    with pytest.raises(InputError, match="torchrun --nproc_per_node 3"):
        connect("torch", devices=3)
    with pytest.raises(InputError, match="1 or more"):
        connect("jax", devices=0)
    bare.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="RANK is not"):
        connect("torch")
    with pytest.raises(InputError, match="JAX_COORDINATOR_ADDRESS"):
        connect("jax")


def test_more_devices_than_there_are_are_refused(bare):
    pytest.importorskip("jax")
    with pytest.raises(BackendError, match=r"JAX has 1 of 'cpu' here; .*xla_force_host_platform_device_count"):
        connect("jax", "cpu", devices=2)
    bare.setenv(module.COORDINATOR, "127.0.0.1:1")
    bare.setenv("JAX_NUM_PROCESSES", "2")
    with pytest.raises(InputError, match="set both or neither"):
        connect("jax")


def failing():
    raise TrainingStopped("the loss is nan", batch="b", head="", loss=float("inf"))


@pytest.mark.parametrize("way", [together, by_first])
def test_an_error_of_one_process_is_shared(way):
    with pytest.raises(TrainingStopped) as caught:
        way(Alone(), failing)
    assert caught.value.shared
    assert way(Alone(), lambda: 5) == 5


def test_errors_travel_between_processes_with_their_facts():
    with pytest.raises(TrainingStopped) as caught:
        failing()
    found = pickle.loads(pickle.dumps(caught.value))
    assert str(found) == "the loss is nan"
    assert found.facts == caught.value.facts
    assert found.batch == "b"


def test_an_exchange_that_fails_says_what_that_means():
    said = r"another process of this training has ended .*--restart.*reset by peer"
    with pytest.raises(BackendError, match=said), exchange("torch"):
        raise RuntimeError("Connection reset by peer\nmore")
