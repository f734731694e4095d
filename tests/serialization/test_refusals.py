"""Files that are wrong, or of another kind, are refused by name."""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pytest
from checkpoints import DATA, LAYER, SAMPLES, base, base_tree, change, random_checkpoint, save

from dpa2 import config as c
from dpa2.errors import FormatError, InputError, UnsupportedModel
from dpa2.serialization import Checkpoint, convert, read, write
from dpa2.serialization.tree.native_tree import tree_to_checkpoint

UNSUPPORTED = {
    "model.type": ("linear_ener", "linear_ener"),
    "model.@version": (1, "Model version 1"),
    "model.descriptor.type": ("se_e2_a", "se_e2_a"),
    "model.descriptor.@version": (5, "Descriptor version 5"),
    "model.fitting.type": ("denoise", "denoise"),
    "model.fitting.@version": (5, "Fitting version 5"),
    "model.descriptor.type_embedding.@version": (3, "TypeEmbedNet version 3"),
    f"{LAYER}.@version": (9, "RepformerLayer version 9"),
    f"{LAYER}.linear1.@version": (3, "Layer version 3"),
    "model.descriptor.some_new_switch": (True, "some_new_switch"),
    "model.descriptor.repformer_args.some_new_switch": (3, "some_new_switch"),
}


@pytest.mark.parametrize("path", UNSUPPORTED)
def test_what_is_not_done_is_refused_by_name(path, tmp_path):
    value, named = UNSUPPORTED[path]
    file = save(change(base_tree(), path, value), tmp_path / "model.dp")
    with pytest.raises(UnsupportedModel, match=re.escape(named)) as caught:
        read(file)
    assert caught.value.file == str(file)
    assert caught.value.what


def test_a_newer_descriptor_is_refused_by_name():
    with pytest.raises(UnsupportedModel, match="Descriptor version 5"):
        tree_to_checkpoint(change(base_tree(), "model.descriptor.@version", 5))


def test_statistics_that_depend_on_the_slot_are_refused_by_name():
    tree = base_tree()
    tree["model"]["descriptor"]["repinit_variable"]["@variables"]["davg"][1, 3, 0] += 1e-12
    with pytest.raises(UnsupportedModel, match=r"9\.7") as caught:
        tree_to_checkpoint(tree)
    assert caught.value.tensor == "descriptor.repinit.environment.mean"


def test_slots_are_compared_bit_by_bit():
    tree = base_tree()
    std = tree["model"]["descriptor"]["repformers_variable"]["@variables"]["davg"]
    std[:] = 0.0
    std[0, 1, 2] = -0.0
    with pytest.raises(UnsupportedModel, match="slot"):
        tree_to_checkpoint(tree)


WRONG = {
    f"{LAYER}.linear1.activation_function": "relu",
    f"{LAYER}.update_h2": False,
    f"{LAYER}.ln_eps": 1e-3,
    f"{LAYER}.attn2g_map.attnw_shift": 10.0,
    "model.descriptor.type_embedding.type_map": ["H", "O"],
    "model.descriptor.repinit_args.rcut": 1.0,
    "model.descriptor.repinit_args.nsel": "40",
    "model.descriptor.repinit_args.use_three_body": 1,
    "model.descriptor.precision": "float128",
    "model.descriptor.repformer_args.nlayers": 10**12,
    "model.descriptor.repformer_args.g1_dim": 10**9,
    "model.descriptor.repinit_variable.embeddings.networks": [],
    "model.fitting.exclude_types": [1],
    "model.fitting.trainable": [True, False],
    "model.fitting.nets": None,
    "model.descriptor": None,
    "model.descriptor.repinit_variable.env_mat.use_exp_switch": True,
    "model.@class": "Descriptor",
    "model": [],
}


@pytest.mark.parametrize("path", WRONG)
def test_settings_that_contradict_each_other_are_refused(path, tmp_path):
    file = save(change(base_tree(), path, WRONG[path]), tmp_path / "model.json")
    with pytest.raises(FormatError) as caught:
        read(file)
    assert caught.value.file == str(file)


def wrong_tensors():
    weight = f"{LAYER}.linear1.@variables.w"
    good = base_tree()["model"]["descriptor"]["repformers_variable"]["repformer_layers"][0]["linear1"]["@variables"][
        "w"
    ]
    yield weight, None, "descriptor.repformer.layers.0.merge.weight"
    yield weight, good.T.copy(), "descriptor.repformer.layers.0.merge.weight"
    yield weight, good.astype("float32"), "descriptor.repformer.layers.0.merge.weight"
    yield f"{LAYER}.proj_g1g2.@variables.b", good[0], "b"
    yield f"{LAYER}.@variables.surplus", good, "surplus"
    yield f"{LAYER}.@variables.h2_residual", [], "frame_scale"
    yield f"{LAYER}.@variables.h2_residual", [np.ones(1)] * 2, "h2_residual"
    yield "model.@variables.out_bias", np.zeros((1, 3, 1)), "bias"
    yield "model.fitting.@variables.fparam_avg", np.zeros(2), "fparam_avg"


@pytest.mark.parametrize("suffix", [".dp", ".json"])
@pytest.mark.parametrize(("path", "value", "named"), list(wrong_tensors()))
def test_missing_misshapen_mistyped_and_leftover_tensors_are_named(path, value, named, suffix, tmp_path):
    file = save(change(base_tree(), path, value), tmp_path / f"model{suffix}")
    with pytest.raises(FormatError, match=named.split(".")[-1]) as caught:
        read(file)
    assert caught.value.file == str(file)


@pytest.mark.parametrize("name", sorted(base().weights))
def test_no_tensor_may_be_missing_from_what_is_written(name, tmp_path):
    checkpoint = base()
    rest = {n: a for n, a in checkpoint.weights.items() if n != name}
    with pytest.raises(FormatError) as caught:
        write(Checkpoint(checkpoint.config, rest), tmp_path / "model.safetensors")
    assert caught.value.tensor == name
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".dp", ".yaml", ".yml", ".json"])
def test_deepmd_formats_refuse_attention_in_repinit_by_name(suffix, tmp_path):
    config = base().config
    repinit = dataclasses.replace(config.repinit, attention=c.NeighborAttention(layers=1, dim=4))
    checkpoint = random_checkpoint(dataclasses.replace(config, repinit=repinit))
    with pytest.raises(UnsupportedModel, match="attention"):
        write(checkpoint, tmp_path / f"model{suffix}")
    write(checkpoint, tmp_path / "model.safetensors")
    with pytest.raises(UnsupportedModel, match="attention"):
        convert(tmp_path / "model.safetensors", tmp_path / f"model{suffix}")
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


def test_bfloat16_models_refuse_numbers_that_are_none(tmp_path):
    checkpoint = random_checkpoint(dataclasses.replace(base().config, dtype="bfloat16"))
    name = "descriptor.type_embedding.weight"
    finer = checkpoint.weights | {name: checkpoint.weights[name] * np.float32(1.001)}
    with pytest.raises(FormatError, match="bfloat16") as caught:
        write(Checkpoint(checkpoint.config, finer), tmp_path / "model.dp")
    assert caught.value.tensor == name


TEXTS = {
    "a training script": json.loads((SAMPLES / "input.main.json").read_text()),
    "settings of a model": json.loads((SAMPLES / "input.main.json").read_text())["model"],
    "several models": {"model": {"model_dict": {"a": {}, "b": {}}}},
    "Paddle inference program": {"base_code": {"magic": "pir"}, "program": {}},
    "a descriptor alone": {"software": "deepmd-kit", "descriptor": {}},
}


@pytest.mark.parametrize("what", TEXTS)
def test_other_json_files_are_told_apart(what, tmp_path):
    path = tmp_path / "file.json"
    path.write_text(json.dumps(TEXTS[what]))
    with pytest.raises(UnsupportedModel, match=what):
        read(path)


def test_a_head_of_a_file_without_heads_is_an_error():
    with pytest.raises(InputError, match="head"):
        read(DATA / "cases" / "base.dp", head="water")


def test_unknown_suffixes_are_not_written(tmp_path):
    for name in ("model", "model.npz"):
        with pytest.raises(InputError, match=r"\.safetensors"):
            write(base(), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_missing_file_and_a_directory_are_told_apart(tmp_path):
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "absent.dp")
    with pytest.raises(FormatError, match="directory"):
        read(tmp_path)
