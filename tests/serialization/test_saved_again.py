"""Checkpoints that people have saved again, with other things beside the model, are read where the model is whole."""

from __future__ import annotations

import argparse
import collections
import pathlib
import re
from fractions import Fraction

import numpy as np
import pytest
from peer_files import SAMPLES

from dpa2.errors import FormatError, UnsupportedModel
from dpa2.serialization import read

torch = pytest.importorskip("torch")
SOURCE = SAMPLES / "dpa2_tiny.trainer_checkpoint.pt"
BESIDE = {  # what stands beside the model
    "size": torch.Size([3, 4]),
    "set": {1, 2, 3},
    "empty": set(),
    "frozen": frozenset("ab"),
    "default": collections.defaultdict(list, {"loss": [1.0, 2.0]}),
    "counts": collections.Counter("water"),
    "path": pathlib.PurePosixPath("/runs/7/model.pt"),
    "windows": pathlib.PureWindowsPath("c:/runs/7"),
    "loss": np.float32(0.5),
    "curve": np.arange(6.0).reshape(2, 3),
    "state": np.random.RandomState(1).get_state(),
    "torch_state": torch.get_rng_state(),
    "device": torch.device("cuda:1"),
    "cpu": torch.device("cpu"),
    "dtype": torch.float32,
}


@pytest.fixture(scope="module")
def genuine() -> dict:
    return torch.load(SOURCE, weights_only=True)


def saved(tmp_path, what, **options) -> pathlib.Path:
    torch.save(what, tmp_path / "again.pt", **options)
    return tmp_path / "again.pt"


def changed(genuine, tensor=lambda t: t, name=lambda n: n) -> dict:
    """The state dictionary of the model with other tensors and names."""
    found = {name(n): t if n == "_extra_state" else tensor(t) for n, t in genuine["model"].items()}
    return collections.OrderedDict(found)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_data_beside_the_model_do_not_matter(protocol, genuine, tmp_path):
    again = saved(tmp_path, {"model": genuine["model"]} | BESIDE, pickle_protocol=protocol)
    assert read(again).digest() == read(SOURCE).digest()


def with_attribute(tensor):
    tensor = tensor.clone()
    tensor.note = "seen"
    return tensor


TENSORS = {
    "parameters": lambda t: torch.nn.Parameter(t, requires_grad=False),
    "with attributes": with_attribute,
    "arrays of NumPy": lambda t: t.numpy(),
    "views": lambda t: torch.stack([t, t])[1],
}


@pytest.mark.parametrize("kind", TENSORS)
def test_tensors_of_another_kind_are_tensors(kind, genuine, tmp_path):
    again = saved(tmp_path, {"model": changed(genuine, TENSORS[kind])})
    assert read(again).digest() == read(SOURCE).digest()


@pytest.mark.parametrize(
    ("prefix", "place"), [("module.", None), ("_orig_mod.", "model"), ("module._orig_mod.", "state_dict")]
)
def test_a_wrapper_in_front_of_all_names_does_not_matter(prefix, place, genuine, tmp_path):
    state = changed(genuine, name=lambda n: prefix + n)
    again = saved(tmp_path, state if place is None else {"epoch": 3, place: state})
    assert read(again).digest() == read(SOURCE).digest()


@pytest.mark.parametrize("protocol", [2, 4])
def test_the_format_before_archives_is_read(protocol, genuine, tmp_path):
    beside = {"curve": BESIDE["curve"], "cpu": BESIDE["cpu"]}
    options = {"_use_new_zipfile_serialization": False, "pickle_protocol": protocol}
    again = saved(tmp_path, genuine | beside, **options)
    assert again.read_bytes()[:2] != b"PK"
    assert read(again).digest() == read(SOURCE).digest()


def test_a_file_of_the_old_format_that_is_cut_off_is_refused(genuine, tmp_path):
    whole = saved(tmp_path, genuine, _use_new_zipfile_serialization=False).read_bytes()
    for length in (16, 30, 100, 1000, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.pt").write_bytes(whole[:length])
        with pytest.raises(FormatError, match=re.escape("cut.pt")):
            read(tmp_path / "cut.pt")


def test_a_count_that_the_old_format_claims_is_held_against_the_file(genuine, tmp_path):
    whole = saved(tmp_path, genuine, _use_new_zipfile_serialization=False).read_bytes()
    one = next(iter(genuine["optimizer"]["state"].values()))["exp_avg"]
    place = whole.rindex(one.numpy().tobytes()) - 8
    assert int.from_bytes(whole[place : place + 8], "little") == one.numel()
    (tmp_path / "forged.pt").write_bytes(whole[:place] + (2**62).to_bytes(8, "little") + whole[place + 8 :])
    with pytest.raises(FormatError, match="end of the file"):
        read(tmp_path / "forged.pt")


# What is not read, with the way to make it readable


@pytest.mark.parametrize("what", [Fraction(1, 2), argparse.Namespace(lr=1)], ids=["fraction", "namespace"])
def test_other_objects_beside_the_model_are_named_with_the_way_round(what, genuine, tmp_path):
    again = saved(tmp_path, {"model": genuine["model"], "options": what})
    with pytest.raises(FormatError, match=f"{type(what).__name__}.*save the state dictionary") as caught:
        read(again)
    assert "torch.save" in caught.value.hint
    assert "genuine" not in str(caught.value)


@pytest.mark.parametrize("place", [None, "model"])
def test_tensors_without_settings_are_told_what_is_missing(place, genuine, tmp_path):
    state = {name: tensor for name, tensor in genuine["model"].items() if name != "_extra_state"}
    with pytest.raises(UnsupportedModel, match="_extra_state") as caught:
        read(saved(tmp_path, state if place is None else {place: state}))
    assert "keep" in caught.value.hint
    assert "not a checkpoint" not in str(caught.value)


# Messages about other models say what those are

SCRIPTS = {
    "3.0.0a0, which only that release reads": lambda s: (
        s | {"descriptor": {"type": "dpa2", "repinit_rcut": 6.0, "repinit_nsel": 20, "repformer_nlayers": 3}}
    ),
    "use_srtab = 'zbl.txt': a model that goes over to a table": lambda s: (
        {"smin_alpha": 0.1, "sw_rmin": 0.2} | s | {"use_srtab": "zbl.txt"}
    ),
    "spins": lambda s: s | {"spin": {"use_spin": [True, False], "virtual_scale": [0.3]}},
}


@pytest.mark.parametrize("message", SCRIPTS)
def test_other_models_are_named_by_what_makes_them_others(message, genuine, tmp_path):
    state = changed(genuine)
    settings = state["_extra_state"]["model_params"]
    state["_extra_state"] = {"model_params": SCRIPTS[message](settings)}
    with pytest.raises(UnsupportedModel, match=re.escape(message)):
        read(saved(tmp_path, {"model": state}))


class SpinEnergyModel(torch.nn.Module):
    def forward(self, x):
        return x


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_a_frozen_model_without_settings_is_named_by_its_class(tmp_path):
    torch.jit.save(torch.jit.trace(SpinEnergyModel(), torch.ones(1)), tmp_path / "spin.pth")
    with pytest.raises(UnsupportedModel, match="SpinEnergyModel") as caught:
        read(tmp_path / "spin.pth")
    assert "else than DeePMD-kit" not in str(caught.value)
