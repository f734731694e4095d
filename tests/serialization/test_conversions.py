"""A model passes through any formats without a changed bit."""

from __future__ import annotations

import io
import shutil
import zipfile
from itertools import product

import numpy as np
import pytest
from budgets import budget
from hypothesis import given
from hypothesis import strategies as st
from peer_files import CASES, SAMPLES, SOURCES, TARGETS, as_trained, by_name, needs

import dpa2
from dpa2 import testing
from dpa2.construction.usable import DIVISORS
from dpa2.errors import InputError, TargetLacks, UnsupportedModel
from dpa2.serialization import Checkpoint, inventory, read, write


@pytest.mark.parametrize(("source", "suffix"), list(product(SOURCES, TARGETS)), ids=by_name)
def test_every_format_becomes_every_other_without_a_changed_bit(source, suffix, tmp_path):
    needs(suffix)
    digest = dpa2.convert(source, tmp_path / f"model{suffix}")
    assert digest == read(tmp_path / f"model{suffix}").digest() == read(SAMPLES / "dpa2_tiny.dp").digest()


SPECIAL = (0.0, -0.0, 5e-324, -2.2e-308, 1.7e308, -1.1754943508222875e-38, 3.4028234663852886e38, 1 / 3)


@st.composite
def checkpoints(draw) -> Checkpoint:
    """Any model of the peer, with weights at the ends of what their precision holds."""
    config = draw(testing.configurations(parameters=True))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weights = {}
    for name, (shape, dtype) in inventory(config).items():
        numbers = np.where(
            generator.random(shape) < 0.5, generator.choice(SPECIAL, shape), generator.normal(size=shape)
        )
        if name.endswith(DIVISORS):  # by which the environment is divided: nothing that is almost 0
            numbers = np.where(np.abs(numbers) < 1e-30, 1.0, numbers)
        largest = np.finfo(dtype).max
        weights[name] = np.clip(numbers, -largest, largest).astype(dtype)
    return Checkpoint(config, weights, {})


@given(checkpoints(), st.permutations(TARGETS))
@budget(12)
def test_random_models_pass_through_every_pair_of_formats(tmp_path_factory, checkpoint, order):
    folder = tmp_path_factory.mktemp("formats")
    if checkpoint.config.repinit.attention:
        for suffix in set(TARGETS) - {".safetensors"}:
            with pytest.raises(TargetLacks, match="attention"):
                write(checkpoint, folder / f"model{suffix}")
        order = [".safetensors"]
    write(checkpoint, folder / f"0{order[0]}")
    for k, (one, other) in enumerate(zip(order, [*order[1:], order[0]], strict=True)):
        dpa2.convert(folder / f"{k}{one}", folder / f"{k + 1}{other}")
        assert read(folder / f"{k + 1}{other}").digest() == checkpoint.digest()
    shutil.rmtree(folder)


@pytest.mark.parametrize("case", ["fparam", "float32", "strip", "econf", "model_exclude", "four_types"])
def test_a_written_checkpoint_holds_for_pytorch_what_the_file_holds_for_us(case, tmp_path):
    torch = pytest.importorskip("torch")
    checkpoint = read(CASES / f"{case}.dp")
    write(checkpoint, tmp_path / "model.pt")
    loaded = torch.load(tmp_path / "model.pt", weights_only=True)["model"]
    tensors, _ = as_trained(checkpoint)
    assert all(
        torch.equal(loaded[name], tensor) and loaded[name].dtype == tensor.dtype for name, tensor in tensors.items()
    )
    alias = "model.Default.atomic_model.fitting_net.filter_layers._networks.0.layers.0.matrix"
    assert loaded[alias].data_ptr() == loaded[alias.replace("_networks", "networks")].data_ptr()


def test_the_same_model_gives_the_same_checkpoint_to_the_byte(tmp_path):
    for suffix in (".pt", ".pd"):
        one, other = (tmp_path / f"{name}{suffix}" for name in "ab")
        for path in (one, other):
            dpa2.convert(SAMPLES / "dpa2_tiny.dp", path)
        assert one.read_bytes() == other.read_bytes()


def test_numbers_in_a_checkpoint_begin_at_multiples_of_64_bytes(tmp_path):
    dpa2.convert(SAMPLES / "dpa2_tiny.dp", tmp_path / "model.pt")
    data = (tmp_path / "model.pt").read_bytes()
    for entry in zipfile.ZipFile(io.BytesIO(data)).infolist():
        start = entry.header_offset
        name, extra = (int.from_bytes(data[start + k : start + k + 2], "little") for k in (26, 28))
        assert (start + 30 + name + extra) % 64 == 0


@pytest.mark.parametrize("suffix", [".pth", ".pt2", ".pte", ".hlo"])
def test_formats_with_programs_in_them_are_not_written_and_the_way_round_is_named(suffix, tmp_path):
    with pytest.raises(InputError, match="dp convert-backend"):
        dpa2.convert(SAMPLES / "dpa2_tiny.dp", tmp_path / f"model{suffix}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["model.savedmodel", "model.savedmodeltf", "model.pdiparams", "model.pb"])
def test_formats_without_readable_weights_are_refused_with_the_way_round(name, tmp_path):
    (tmp_path / name).write_bytes(b"anything")
    with pytest.raises(UnsupportedModel, match="convert the checkpoint"):
        read(tmp_path / name)
