"""Files of older versions are read as the models that they are."""

from __future__ import annotations

import json
import re

import h5py
import numpy as np
import pytest
from checkpoints import base, base_tree, every_node, legacy_checkpoint, save

from dpa2.serialization import read
from dpa2.serialization.formats.hdf5 import write_hdf5
from dpa2.serialization.formats.yaml import write_yaml
from dpa2.serialization.tree.native_tree import checkpoint_to_tree, tree_to_checkpoint


def downgrade(tree: dict, version: int) -> dict:
    """Leave out of a tree whatever that version did not have."""
    descriptor = tree["model"]["descriptor"]
    descriptor["@version"] = version
    for key in [k for k in descriptor["repinit_args"] if "three_body" in k]:
        del descriptor["repinit_args"][key]
    later = ("use_sqrt_nnei", "g1_out_conv", "g1_out_mlp")
    variables = descriptor["repformers_variable"]
    for settings_ in (descriptor["repformer_args"], *variables["repformer_layers"]):
        for key in later:
            del settings_[key]
    if version == 1:
        del descriptor["use_tebd_bias"], descriptor["type_embedding"]["use_tebd_bias"]
        descriptor["type_embedding"]["@version"] = 1
    return tree


@pytest.mark.parametrize("suffix", [".dp", ".yaml"])
@pytest.mark.parametrize("version", [1, 2])
def test_descriptors_of_versions_1_and_2_lack_the_later_options(version, suffix, tmp_path):
    checkpoint = legacy_checkpoint()
    tree = downgrade(checkpoint_to_tree(checkpoint), version)
    assert read(save(tree, tmp_path / f"old{suffix}")).digest() == checkpoint.digest()


def test_the_later_options_are_off_in_version_2_whatever_its_settings_say():
    checkpoint = legacy_checkpoint(type_bias=False)
    tree = checkpoint_to_tree(checkpoint)
    tree["model"]["descriptor"]["@version"] = 2
    tree["model"]["descriptor"]["repformer_args"].update(use_sqrt_nnei=True, g1_out_conv=True, g1_out_mlp=True)
    assert tree_to_checkpoint(tree).digest() == checkpoint.digest()


def test_a_missing_type_bias_means_none_since_version_2():
    checkpoint = legacy_checkpoint(type_bias=False)
    tree = downgrade(checkpoint_to_tree(checkpoint), 2)
    del tree["model"]["descriptor"]["use_tebd_bias"]
    assert tree_to_checkpoint(tree).digest() == checkpoint.digest()


def make_old(tree: dict) -> dict:
    """Nodes of the first versions, shapes and notes as they were then."""
    for node in every_node(tree["model"]):
        if node.get("@class") == "Layer":
            node["@version"] = 1
            del node["trainable"]
            if node["@variables"]["b"] is not None:
                node["@variables"]["b"] = node["@variables"]["b"][None, :]
        if node.get("@class") == "EmbeddingNetwork":
            node["@version"] = 1
            del node["bias"]
        if node.get("@class") == "RepformerLayer":
            node["@version"] = 1
            node.update(node.pop("@variables"))
        if "env_mat" in node:
            node["env_mat"] = {key: node["env_mat"][key] for key in ("rcut", "rcut_smth")}
    return tree


@pytest.mark.parametrize("suffix", [".dp", ".yaml"])
def test_old_layers_are_read(suffix, tmp_path):
    tree = make_old(base_tree())
    assert read(save(tree, tmp_path / f"old{suffix}")).digest() == base().digest()


@pytest.mark.parametrize("version", [1, 2, 3])
def test_old_fittings_are_read(version):
    tree = base_tree()
    fitting = tree["model"]["fitting"]
    fitting["@version"] = version
    del fitting["default_fparam"]
    if version < 3:
        del fitting["dim_case_embd"], fitting["@variables"]["case_embd"]
    if version < 2:
        del fitting["type_map"]
    assert tree_to_checkpoint(tree).digest() == base().digest()


def test_old_yaml_arrays_have_no_version(tmp_path):
    text = write_yaml(base_tree()).decode()
    path = tmp_path / "old.yaml"
    path.write_text(re.sub(r"(?<='@is_variable': true\n)( +)'@version': 1\n", "", text))
    assert path.stat().st_size < len(text)
    assert read(path).digest() == base().digest()


def test_spellings_of_settings_do_not_matter():
    tree = base_tree()
    for node in every_node(tree["model"]):
        node.update({"precision": "default"} if "precision" in node else {})
        if node.get("activation_function") == "tanh":
            node["activation_function"] = "Tanh"
    again = tree_to_checkpoint(tree)
    assert again.config.dtype == again.config.fitting.dtype == "float64"
    for name, array in base().weights.items():
        assert again.weights[name].tobytes() == array.tobytes()


def test_programs_beside_the_model_are_never_touched(tmp_path):
    tree = base_tree()
    path = tmp_path / "model.hlo"
    path.write_bytes(write_hdf5(tree))
    with h5py.File(path, "r+") as file:
        root = json.loads(file.attrs["json"])
        root["@variables"]["stablehlo"] = "/program"
        root["constants"] = {"rcut": 6.0}
        file["program"] = np.void(b"\x00\x01")
        file.attrs["json"] = json.dumps(root)
    assert read(path).digest() == base().digest()
