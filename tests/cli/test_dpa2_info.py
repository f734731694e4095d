"""`dpa2 info`: what a model file holds."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from command_line import run
from references import DATA

import dpa2
from dpa2 import demo
from dpa2.serialization import write

STATISTICS = 3 * 2 * 2 * 4 + 3 * 2  # mean and std of 4 columns of 2 types in 3 blocks; two biases and a deviation


def test_info_shows_types_blocks_and_the_whole_digest():
    digest = dpa2.load(demo.MODEL).checkpoint().digest()
    text = run("info", demo.MODEL).stdout
    assert digest in text
    assert "O, H" in text
    told = json.loads(run("info", demo.MODEL, "--json", "--tensors").stdout)
    assert told["digest"] == digest
    assert told["tensors"]["descriptor.repinit.environment.mean"] == [2, 4]
    assert dpa2.DPA2Config.from_dict(told["config"]) == dpa2.load(demo.MODEL).config


def test_info_says_which_format_writer_and_precision_a_file_has(call):
    code, told, _ = call("info", demo.MODEL, "--json")
    facts = json.loads(told)
    assert code == 0
    assert {n: facts[n] for n in ("format", "writer", "dtype", "parameters", "heads")} == {
        "format": "HDF5", "writer": "deepmd-kit 3.2.0", "dtype": "float64",
        "parameters": 5026 - STATISTICS, "heads": None,
    }  # fmt: skip


def test_info_lists_the_heads_of_a_multitask_file(heads, call):
    code, told, _ = call("info", heads)
    assert code == 0
    assert "ice, water" in told
    assert "--head" in told
    assert json.loads(call("info", heads, "--json")[1])["heads"] == ["ice", "water"]
    one = json.loads(call("info", heads, "--head", "ice", "--json")[1])
    assert one["digest"] == dpa2.load(demo.MODEL).checkpoint().digest()


def changed(model, **weights):
    """A model with other numbers in all entries of some tensors."""
    arrays = {name: np.full_like(model.weights[name], value) for name, value in weights.items()}
    return dataclasses.replace(model, weights=model.weights | arrays)


def variants():
    """The demonstration's model, and copies that differ in one thing each, with the words that must show it."""
    model = dpa2.load(demo.MODEL).checkpoint()
    config = model.config
    fitting = dataclasses.replace(config.fitting, activation="relu")
    yield "smooth = False", dataclasses.replace(model, config=dataclasses.replace(config, smooth=False))
    yield "fitting.activation = 'relu'", dataclasses.replace(model, config=dataclasses.replace(config, fitting=fitting))
    yield (
        "excluded_pairs = ((0, 1),)",
        dataclasses.replace(model, config=dataclasses.replace(config, excluded_pairs=((0, 1),))),
    )
    yield "O 7.25, H 7.25", changed(model, bias=7.25)
    yield "repinit mean 0.5, std", changed(model, **{"descriptor.repinit.environment.mean": 0.5})
    yield "repformer mean 0, std 3", changed(model, **{"descriptor.repformer.environment.std": 3.0})
    yield "0.75 Å", dataclasses.replace(model, metadata={"min_distance": 0.75})


VARIANTS = dict(variants())


@pytest.mark.parametrize("words", VARIANTS)
def test_info_tells_models_apart_that_differ_in_one_thing(words, tmp_path, call):
    write(VARIANTS[words], tmp_path / "other.dp")
    assert words in call("info", tmp_path / "other.dp")[1]
    assert words not in call("info", demo.MODEL)[1]


def test_info_tells_how_types_enter_and_which_precision_and_the_size_of_the_file(call, tmp_path):
    strip = DATA / "samples" / "dpa2_tiny_strip.dp"
    code, said, _ = call("info", strip)
    assert code == 0
    assert "repinit.type_input = 'strip'" in said
    assert f"{strip.stat().st_size} bytes" in said
    assert "atom_dim 10, pair_dim 6" in said
    assert f"4972 parameters, {STATISTICS} statistics" in call("info", demo.MODEL)[1]
    dpa2.convert(demo.MODEL, tmp_path / "single.dp", dtype="float32")
    assert "17 numbers per atom, float32" in call("info", tmp_path / "single.dp")[1]
    dpa2.convert(demo.MODEL, tmp_path / "folder.jax")
    inside = sum(path.stat().st_size for path in (tmp_path / "folder.jax").rglob("*") if path.is_file())
    assert json.loads(call("info", tmp_path / "folder.jax", "--json")[1])["file_bytes"] == inside


def test_info_lists_only_settings_that_are_not_the_default(call):
    told = json.loads(call("info", demo.MODEL, "--json")[1])["settings"]
    config = dpa2.load(demo.MODEL).config
    assert told["repformer.residual"] == "trainable"
    for path, value in told.items():
        section, name = config, path
        while "." in name:
            first, _, name = name.partition(".")
            section = getattr(section, first)
        assert getattr(section, name) == value
        assert {field.name: field.default for field in dataclasses.fields(section)}[name] != value


def test_tensors_have_a_precision_and_a_kind(tmp_path, call):
    dpa2.convert(demo.MODEL, tmp_path / "brief.safetensors", dtype="bfloat16")
    lines = [line.split() for line in call("info", tmp_path / "brief.safetensors", "--tensors")[1].splitlines()]
    assert ["bias", "2", "float64", "statistic"] in lines
    assert ["fitting.output.weight", "11×1", "bfloat16", "parameter"] in lines


def test_tensors_of_all_heads_are_listed(heads, call):
    code, said, _ = call("info", heads, "--tensors")
    assert code == 0
    assert said.count("fitting.output.weight") == 2
    assert said.index("head ice:") < said.index("fitting.output.weight") < said.index("head water:")
    told = json.loads(call("info", heads, "--tensors", "--json")[1])
    assert told["tensors"]["water"]["fitting.output.weight"] == [11, 1]
    assert told["dtypes"]["ice"]["bias"] == "float64"
