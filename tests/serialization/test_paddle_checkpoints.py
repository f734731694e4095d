"""Checkpoints of Paddle as they are written: what the genuine one holds, and what Paddle makes of them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from peer_files import CASES, SAMPLES

import dpa2
from dpa2.errors import TargetLacks
from dpa2.serialization import read, write
from dpa2.serialization.state.state import checkpoint_to_state
from dpa2.testing import perturbed_model, small_config

GENUINE = SAMPLES / "dpa2_tiny_paddle.trainer_checkpoint.pd"
OF_TRAINING = ("optimizer", "_extra_state")


def unpickled(path) -> dict:
    """The state dictionary in a file of our own or of the peer, as Python and NumPy read it."""
    state = pickle.loads(path.read_bytes())["model"]
    return {name: value[1] for name, value in state.items() if name not in OF_TRAINING}


def test_what_is_written_holds_what_the_genuine_file_holds_key_by_key(tmp_path):
    dpa2.convert(GENUINE, tmp_path / "again.pd")
    genuine, again = unpickled(GENUINE), unpickled(tmp_path / "again.pd")
    assert again.keys() == genuine.keys()
    for name, array in genuine.items():
        assert (again[name].dtype, again[name].shape) == (array.dtype, array.shape), name
        assert np.array_equal(again[name], array), name


def test_a_tensor_under_two_names_has_one_internal_name(tmp_path):
    dpa2.convert(GENUINE, tmp_path / "again.pd")
    for path in (GENUINE, tmp_path / "again.pd"):
        state = pickle.loads(path.read_bytes())["model"]
        aliases = [name for name in state if "._networks." in name]
        assert aliases
        assert all(state[name][0] == state[name.replace("._networks.", ".networks.")][0] for name in aliases)


@pytest.mark.parametrize("case", ["fparam", "float32", "strip", "econf", "model_exclude", "four_types"])
def test_paddle_reads_the_arrays_that_the_file_holds(case, tmp_path):
    paddle = pytest.importorskip("paddle")
    checkpoint = read(CASES / f"{case}.dp")
    write(checkpoint, tmp_path / "model.pd")
    loaded = paddle.load(str(tmp_path / "model.pd"))["model"]
    for name, array in checkpoint_to_state(checkpoint).items():
        tensor = loaded[f"model.Default.atomic_model.{name}"]
        assert isinstance(tensor, paddle.Tensor)
        wide = name.endswith((".mean", ".stddev")) and ".repinit." not in name  # the peer refuses others
        assert tensor.numpy().dtype == (np.float64 if wide else array.dtype)
        assert np.array_equal(tensor.numpy(), array), name
    places = [tensor.numpy() for name, tensor in loaded.items() if "repinit.compress_" in name]
    assert len(places) == 2  # for the tables of a compressed model; a strict reader wants them in its precision
    assert all(array.dtype == checkpoint.config.dtype for array in places)


def test_what_paddle_saves_again_is_read_as_the_same_model(tmp_path):
    paddle = pytest.importorskip("paddle")
    dpa2.convert(GENUINE, tmp_path / "model.pd")
    paddle.save(paddle.load(str(tmp_path / "model.pd")), str(tmp_path / "again.pd"))
    assert read(tmp_path / "again.pd").digest() == read(GENUINE).digest()


def test_the_smallest_distance_is_kept(tmp_path):
    checkpoint = perturbed_model(small_config(), seed=1).checkpoint()
    checkpoint.metadata["min_distance"] = 0.875
    write(checkpoint, tmp_path / "model.pd")
    assert read(tmp_path / "model.pd").metadata["min_distance"] == 0.875


def test_bfloat16_has_no_place_in_the_file(tmp_path):
    pytest.importorskip("torch")
    model = perturbed_model(small_config(), seed=1, backend="torch").to(dtype="bfloat16")
    with pytest.raises(TargetLacks, match="bfloat16"):
        dpa2.save(model, tmp_path / "model.pd")
    assert not list(tmp_path.iterdir())
