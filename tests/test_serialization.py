"""Models survive every file format to the bit, and whatever is wrong with a file is said by name."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import re
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dpa2 import config as c
from dpa2.errors import ConfigurationError, DPA2Error, FormatError, InputError, UnsupportedModel
from dpa2.serialization import Checkpoint, config_to_script, convert, inventory, read, script_to_config, write
from dpa2.serialization.formats.hdf5 import read_hdf5, write_hdf5
from dpa2.serialization.formats.json import read_json, write_json
from dpa2.serialization.formats.safetensors import read_safetensors, write_safetensors
from dpa2.serialization.formats.yaml import read_yaml, write_yaml
from dpa2.serialization.tree.native_tree import checkpoint_to_tree, tree_to_checkpoint

DATA = Path(__file__).parent / "data"
SAMPLES = DATA / "samples"
CASES = sorted((DATA / "cases").glob("*.dp"))
GENUINE = [*CASES, *(path for path in sorted(SAMPLES.glob("*.dp")) if "compressed" not in path.name)]
SUFFIXES = (".dp", ".yaml", ".json", ".safetensors")
TREES = ((write_hdf5, read_hdf5), (write_yaml, read_yaml), (write_json, read_json))
ENCODERS = {".dp": write_hdf5, ".yaml": write_yaml, ".json": write_json}


def by_name(path: Path) -> str:
    return path.stem


known = lru_cache(read)  # genuine files, which nobody changes


def base() -> Checkpoint:
    return known(DATA / "cases" / "base.dp")


def base_tree() -> dict:
    return copy.deepcopy(checkpoint_to_tree(base()))


def random_checkpoint(config: c.DPA2Config, seed: int = 0) -> Checkpoint:
    """Every tensor of a configuration with random bits that its precision can hold."""
    generator = np.random.default_rng(seed)
    weights = {}
    for name, (shape, dtype) in inventory(config).items():
        array = generator.normal(size=shape).astype(dtype)
        coarse = "bfloat16" in (config.fitting.dtype if name.startswith("fitting.") else config.dtype,)
        weights[name] = (array.view("u4") & 0xFFFF0000).view("f4") if coarse and dtype == "float32" else array
    return Checkpoint(config, weights, {"min_distance": 0.875, "writer": "a test"})


def same_bits(a: Checkpoint, b: Checkpoint) -> bool:
    """Equality without the digest, which is itself under test."""
    same = a.config == b.config and a.weights.keys() == b.weights.keys()
    pairs = [(a.weights[name], b.weights[name]) for name in a.weights] if same else []
    return same and all(x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes() for x, y in pairs)


def generic_load(path: Path) -> dict:
    """A `.dp` file read with nothing but h5py and json."""
    with h5py.File(path) as file:
        return attach(json.loads(file.attrs["json"]), file, False)


def attach(node, file, inside):
    if isinstance(node, dict):
        return {k: attach(v, file, inside or k == "@variables") for k, v in node.items()}
    if isinstance(node, list):
        return [attach(v, file, inside) for v in node]
    return file[node][()] if inside and isinstance(node, str) else node


def differences(a, b, path=""):
    """Where two trees differ in keys, values, types or bits."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in a.keys() | b.keys():
            yield from differences(a.get(key, "absent"), b.get(key, "absent"), f"{path}.{key}")
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for k, (x, y) in enumerate(zip(a, b, strict=True)):
            yield from differences(x, y, f"{path}.{k}")
    elif isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        if (a.dtype, a.shape, a.tobytes()) != (b.dtype, b.shape, b.tobytes()):
            yield path
    elif type(a) is not type(b) or a != b:
        yield path


def save(tree: dict, path: Path) -> Path:
    path.write_bytes(ENCODERS[path.suffix](tree))
    return path


# --- genuine files


@pytest.mark.parametrize("path", GENUINE, ids=by_name)
def test_a_genuine_tree_is_written_back_as_it_was(path, tmp_path):
    write(known(path), tmp_path / "again.dp")
    genuine, written = generic_load(path)["model"], generic_load(tmp_path / "again.dp")
    again = written["model"]
    assert script_to_config(written["model_def_script"]) == known(path).config
    expected = set()
    if genuine["fitting"]["atom_ener"] is None:
        expected |= {".fitting.atom_ener"}  # null and [] are the same; [] is written
    if not genuine["descriptor"]["repinit_args"]["use_three_body"]:  # settings of a block that is not there
        unused = ("rcut", "rcut_smth", "sel", "neuron.0", "neuron.1", "neuron.2")
        expected |= {f".descriptor.repinit_args.three_body_{name}" for name in unused}
    assert set(differences(genuine, again)) == expected


@pytest.mark.parametrize("path", GENUINE, ids=by_name)
def test_every_container_holds_the_same_model_to_the_bit(path):
    checkpoint = known(path)
    tree, digest = checkpoint_to_tree(checkpoint), checkpoint.digest()
    models = [tree_to_checkpoint(decode(encode(tree))) for encode, decode in TREES]
    for again in (*models, read_safetensors(write_safetensors(checkpoint))):
        assert same_bits(again, checkpoint)
        assert again.digest() == digest


def test_conversions_through_every_container_end_where_they_began(tmp_path):
    source, digest = SAMPLES / "dpa2_tiny.dp", known(SAMPLES / "dpa2_tiny.dp").digest()
    for name in ("a.yaml", "b.safetensors", "c.json", "d.dp", "e.yml", "f.dp"):
        assert convert(source, tmp_path / name) == digest
        source = tmp_path / name
    assert (tmp_path / "d.dp").read_bytes() == (tmp_path / "f.dp").read_bytes()


def test_yaml_and_hdf5_of_the_same_training_have_one_digest():
    assert known(SAMPLES / "dpa2_tiny.dp").digest() == read(SAMPLES / "dpa2_tiny.yaml").digest()


def test_different_models_have_different_digests():
    assert len({known(path).digest() for path in GENUINE}) == len(GENUINE)


def test_notes_are_kept_and_do_not_count(tmp_path):
    checkpoint = read(SAMPLES / "dpa2_tiny.dp")
    assert checkpoint.metadata["writer"] == "deepmd-kit 3.2.0"
    assert checkpoint.metadata["min_distance"] == pytest.approx(0.892451513761333, abs=0)
    assert checkpoint.metadata["script"]["descriptor"]["type"] == "dpa2"
    assert dataclasses.replace(checkpoint, metadata={}).digest() == checkpoint.digest()
    write(checkpoint, tmp_path / "model.safetensors")
    assert read(tmp_path / "model.safetensors").metadata == checkpoint.metadata
    for suffix in (".dp", ".yaml", ".json"):
        write(checkpoint, tmp_path / f"model{suffix}")
        assert read(tmp_path / f"model{suffix}").metadata["min_distance"] == checkpoint.metadata["min_distance"]


@pytest.mark.parametrize("distance", [-1, -1.0, None, float("nan")])
def test_an_unknown_smallest_distance_is_no_note(distance):
    root = base_tree() | {"min_nbor_dist": distance}
    assert "min_distance" not in tree_to_checkpoint(root).metadata


def test_arrays_are_contiguous_and_native():
    for array in base().weights.values():
        assert array.flags.c_contiguous
        assert array.dtype.isnative


def test_the_inventory_names_the_tensors_of_the_model():
    for path in GENUINE:
        checkpoint = known(path)
        assert {n: (a.shape, a.dtype.name) for n, a in checkpoint.weights.items()} == inventory(checkpoint.config)


# --- packing of heads


def raw_layer(name: str, k: int = 0) -> dict:
    tree = generic_load(DATA / "cases" / f"{name}.dp")
    return tree["model"]["descriptor"]["repformers_variable"]["repformer_layers"][k]


def test_pair_attention_interleaves_queries_and_keys_with_the_head_fastest():
    weights, packed = base().weights, raw_layer("base")["attn2g_map"]["mapqk"]["@variables"]["w"]
    query, key = (weights[f"descriptor.repformer.layers.0.pair_attention.{n}"] for n in ("query", "key"))
    heads, _, dim = query.shape
    for h, x in np.ndindex(heads, dim):
        assert (packed[:, x * 2 * heads + h] == query[h, :, x]).all()
        assert (packed[:, x * 2 * heads + heads + h] == key[h, :, x]).all()


def test_pair_attention_values_and_outputs_have_the_head_fastest():
    weights, node = base().weights, raw_layer("base")["attn2_mh_apply"]
    value, output = (weights[f"descriptor.repformer.layers.0.pair_attention.{n}"] for n in ("value", "output"))
    for h, x in np.ndindex(value.shape[0], value.shape[2]):
        assert (node["mapv"]["@variables"]["w"][:, x * value.shape[0] + h] == value[h, :, x]).all()
        assert (node["head_map"]["@variables"]["w"][x * value.shape[0] + h] == output[h, x]).all()


def test_local_attention_puts_keys_before_values_and_its_output_has_the_head_slowest():
    weights, node = base().weights, raw_layer("base")["loc_attn"]
    parts = [weights[f"descriptor.repformer.layers.0.local_attention.{n}"] for n in ("query", "key", "value", "output")]
    heads, channels, dim = parts[0].shape
    packed = {name: node[name]["@variables"]["w"] for name in ("mapq", "mapkv", "head_map")}
    for h in range(heads):
        for x in range(dim):
            assert (packed["mapq"][:, x * heads + h] == parts[0][h, :, x]).all()
            assert (packed["mapkv"][:, x * heads + h] == parts[1][h, :, x]).all()
        for x in range(channels):
            assert (packed["mapkv"][:, (dim + x) * heads + h] == parts[2][h, :, x]).all()
            assert (packed["head_map"][h * channels + x] == parts[3][h, x]).all()


# --- all configurations


def activations():
    names = ("tanh", "Tanh", "relu", "relu6", "gelu", "gelu_tf", "softplus", "sigmoid", "silu", "silut:2.5", "none")
    return st.sampled_from((*names, "linear", "custom_silu:0.5", "silut"))


small, flags = st.integers(1, 4), st.booleans()
lengths = st.floats(0.01, 100.0)
dtypes = st.sampled_from(c.DTYPES)


@st.composite
def repformers(draw, cutoff, neighbors):
    dims = dict(atom_dim=draw(st.integers(2, 6)), pair_dim=draw(st.integers(2, 5)), axis=draw(st.integers(1, 2)))
    counts = ("layers", "attention_dim", "attention_heads", "pair_attention_dim", "pair_attention_heads")
    switches = [f.name for f in dataclasses.fields(c.Repformer) if f.type == "bool"]
    chosen = {name: draw(flags) for name in switches}
    chosen["pair_symmetrization"] |= chosen["separate_mlp"] and not chosen["neighbor_symmetrization"]
    return c.Repformer(
        cutoff=cutoff,
        inner_cutoff=cutoff * draw(st.floats(0, 0.9)),
        max_neighbors=neighbors,
        **dims,
        **{name: draw(small) for name in counts},
        **chosen,
        activation=draw(activations()),
        residual=draw(st.sampled_from(("average", "increment", "trainable"))),
        residual_scale=draw(st.floats(0, 1)),
        residual_init=draw(st.sampled_from(("normal", "constant"))),
        norm_epsilon=draw(st.floats(1e-12, 1e-2)),
    )


@st.composite
def fittings(draw, types):
    widths = draw(st.lists(small, min_size=1, max_size=3).map(tuple))
    count = draw(st.integers(0, 2))
    energies = st.lists(st.none() | st.floats(-1e3, 1e3), min_size=types, max_size=types).map(tuple)
    each = (
        st.lists(flags, min_size=len(widths) + 1, max_size=len(widths) + 1).map(tuple).filter(lambda t: len(set(t)) > 1)
    )
    return c.Fitting(
        widths=widths,
        activation=draw(activations()),
        timestep=draw(flags),
        dtype=draw(dtypes),
        frame_parameters=count,
        atom_parameters=draw(st.integers(0, 2)),
        default_frame_parameters=draw(st.none() | st.just((0.5,) * count)) if count else None,
        case_dim=draw(st.integers(0, 2)),
        parameters_as_mask=draw(flags),
        vacuum_energies=draw(st.just(()) | energies),
        trainable=draw(flags | each),
        bias_cutoff=draw(st.none() | st.floats(1e-12, 1e-2)),
    )


def pairs(types):
    return st.lists(st.tuples(st.integers(0, types - 1), st.integers(0, types - 1)), max_size=2).map(tuple)


@st.composite
def configs(draw, attention=False):
    types = draw(st.sampled_from((("O",), ("O", "H"), ("O", "H", "C", "Na"))))
    n, cutoff = len(types), draw(lengths)
    three = c.ThreeBody(cutoff=cutoff * 0.95, inner_cutoff=0.0, max_neighbors=8, widths=(draw(small), draw(small)))
    widths = draw(st.lists(small, min_size=1, max_size=3).map(tuple))
    layers = c.NeighborAttention(layers=draw(small), dim=draw(small), temperature=draw(st.none() | st.floats(0.1, 9)))
    repinit = c.Repinit(
        cutoff=cutoff,
        inner_cutoff=cutoff * draw(st.floats(0, 0.9)),
        max_neighbors=9,
        widths=widths,
        axis=draw(st.integers(1, widths[-1])),
        type_dim=draw(small),
        type_input=draw(st.sampled_from(("concat", "strip"))),
        one_sided=draw(flags),
        activation=draw(activations()),
        timestep=draw(flags),
        zero_mean=draw(flags),
        attention=layers if attention else None,
    )
    switches = ("smooth", "append_type", "add_type_to_repinit", "electron_configuration", "type_bias", "trainable")
    return c.DPA2Config(
        types=types,
        repinit=repinit,
        repformer=draw(repformers(cutoff * 0.9, draw(st.integers(1, 8)))),
        three_body=draw(st.none() | st.just(three)),
        fitting=draw(fittings(n)),
        **{name: draw(flags) for name in switches},
        excluded_pairs=draw(pairs(n)),
        protection=draw(st.floats(0, 1)),
        dtype=draw(dtypes),
        model_excluded_pairs=draw(pairs(n)),
        excluded_types=draw(st.just(()) | st.just((0,))),
        preset_bias=draw(st.none() | st.lists(st.none() | st.floats(-9, 9), min_size=n, max_size=n).map(tuple)),
    )


brief = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@brief
@given(configs(), st.integers(0, 9))
def test_any_model_survives_every_container(config, seed):
    checkpoint = random_checkpoint(config, seed)
    tree = checkpoint_to_tree(checkpoint)
    for encode, decode in TREES:
        again = tree_to_checkpoint(decode(encode(tree)))
        assert same_bits(again, checkpoint)
        assert again.digest() == checkpoint.digest()


@brief
@given(configs(attention=True))
def test_the_native_format_holds_attention_in_repinit(tmp_path_factory, config):
    path = tmp_path_factory.mktemp("native") / "model.safetensors"
    checkpoint = random_checkpoint(config)
    write(checkpoint, path)
    assert same_bits(read(path), checkpoint)


@brief
@given(configs())
def test_any_configuration_survives_its_script(config):
    script = json.loads(json.dumps(config_to_script(config)))
    assert script_to_config(script) == config


@brief
@given(configs())
def test_the_layout_and_the_inventory_agree(config):
    weights = random_checkpoint(config).weights
    tree = checkpoint_to_tree(Checkpoint(config, weights))
    assert tree_to_checkpoint(tree).weights.keys() == weights.keys() == inventory(config).keys()


@given(st.lists(st.floats(width=64, allow_nan=False), min_size=1, max_size=20))
def test_every_float64_survives_text(numbers):
    tree = {"@variables": {"w": np.array(numbers)}}
    for encode, decode in ((write_json, read_json), (write_yaml, read_yaml)):
        assert decode(encode(tree))["@variables"]["w"].tobytes() == tree["@variables"]["w"].tobytes()


def test_whole_numbers_in_place_of_lengths_make_the_same_model(tmp_path):
    whole = c.DPA2Config(
        types=("O", "H"),
        repinit=c.Repinit(cutoff=6, inner_cutoff=0, max_neighbors=9, widths=(2, 4), axis=2),
        repformer=c.Repformer(cutoff=4, inner_cutoff=1, max_neighbors=8, layers=1, atom_dim=4, pair_dim=4),
    )
    checkpoint = random_checkpoint(whole)
    for suffix in SUFFIXES:
        write(checkpoint, tmp_path / f"model{suffix}")
        assert read(tmp_path / f"model{suffix}").digest() == checkpoint.digest()


# --- older files


def legacy_checkpoint(type_bias: bool = True) -> Checkpoint:
    """A model as versions 1 and 2 of the descriptor could hold it."""
    config = read(DATA / "cases" / "no_out_both.dp").config
    repformer = dataclasses.replace(config.repformer, root_normalization=False)
    config = dataclasses.replace(config, repformer=repformer, three_body=None, type_bias=type_bias)
    return random_checkpoint(config)


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


def every_node(node):
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from every_node(child)


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


# --- refusals by name


def change(tree: dict, path: str, value) -> dict:
    *way, last = path.split(".")
    node = tree
    for key in way:
        node = node[int(key) if key.isdigit() else key]
    node[int(last) if last.isdigit() else last] = value
    return tree


LAYER = "model.descriptor.repformers_variable.repformer_layers.0"
UNSUPPORTED = {
    "model.type": ("linear_ener", "linear_ener"),
    "model.@version": (1, "Model version 1"),
    "model.descriptor.type": ("se_e2_a", "se_e2_a"),
    "model.descriptor.@version": (5, "Descriptor version 5"),
    "model.fitting.type": ("dipole", "dipole"),
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


# --- damaged files


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, bytes]:
    """A small model in every container."""
    folder, checkpoint = tmp_path_factory.mktemp("files"), read(DATA / "cases" / "one_layer.dp")
    for suffix in SUFFIXES:
        write(checkpoint, folder / f"model{suffix}")
    return {suffix: (folder / f"model{suffix}").read_bytes() for suffix in SUFFIXES}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_truncated_file_is_named(suffix, files, tmp_path):
    path, data = tmp_path / f"model{suffix}", files[suffix]
    whole = len(data) if suffix != ".yaml" else data.index(b"\nmodel_def_script")  # only notes come behind
    cuts = {0, 1, 7, 8, 9, 100, *range(0, whole, whole // (8 if suffix == ".yaml" else 40)), whole - 1}
    for cut in cuts:
        path.write_bytes(data[:cut])
        with pytest.raises(FormatError) as caught:
            read(path)
        assert caught.value.file == str(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(st.binary(min_size=1, max_size=300))
@settings(max_examples=50, deadline=None)
def test_garbage_is_named(tmp_path_factory, suffix, garbage):
    path = tmp_path_factory.mktemp("garbage") / f"model{suffix}"
    path.write_bytes(garbage)
    with pytest.raises(FormatError):
        read(path)


@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
@given(st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_flipped_bytes_are_named_or_harmless(tmp_path_factory, files, suffix, data):
    damaged = bytearray(files[suffix])
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("flipped") / f"model{suffix}"
    path.write_bytes(damaged)
    try:
        read(path)
    except (FormatError, UnsupportedModel) as error:
        assert error.file == str(path)  # noqa: PT017 (it may as well be read)


scraps = st.recursive(
    st.none() | flags | st.integers() | st.floats() | st.text(max_size=5) | st.just(np.zeros((2, 2))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def ways(node, way=()):
    """The way to everything in a tree."""
    for key, child in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield (*way, key)
        yield from ways(child, (*way, key))


ONE_LAYER = checkpoint_to_tree(known(DATA / "cases" / "one_layer.dp"))


@given(st.sampled_from(list(ways(ONE_LAYER))), scraps)
@settings(max_examples=200, deadline=None)
def test_whatever_stands_in_a_tree_is_named_or_harmless(way, scrap):
    node = tree = copy.deepcopy(ONE_LAYER)
    for key in way[:-1]:
        node = node[key]
    node[way[-1]] = scrap
    try:
        tree_to_checkpoint(tree)
    except DPA2Error as error:
        assert str(error)  # noqa: PT017 (it may as well be read)


def test_name_and_content_must_agree(files, tmp_path):
    for suffix, other in ((".dp", ".yaml"), (".yaml", ".safetensors"), (".json", ".dp"), (".safetensors", ".json")):
        path = tmp_path / f"model{suffix}"
        path.write_bytes(files[other])
        with pytest.raises(FormatError, match="misnamed"):
            read(path)


def test_a_name_without_a_known_suffix_leaves_it_to_the_content(files, tmp_path):
    for suffix, data in files.items():
        path = tmp_path / f"model{suffix}.backup"
        path.write_bytes(data)
        assert read(path).digest() == read(DATA / "cases" / "one_layer.dp").digest()


# --- hostile files


HOSTILE_YAML = {
    "runs code": "model: !!python/object/apply:os.system ['true']",
    "is nested deeply": "[" * 100_000,
    "is nested deeply without brackets": "- " * 100_000,
    "contains itself": "a: &a [*a]",
    "grows through references": "\n".join(
        ["a0: &a0 [1, 1, 1, 1]", *(f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 30))]
    ),
}


@pytest.mark.parametrize("what", HOSTILE_YAML)
def test_yaml_is_refused_that(what, tmp_path):
    path = tmp_path / "hostile.yaml"
    path.write_text(HOSTILE_YAML[what])
    with pytest.raises(FormatError, match="YAML"):
        read(path)


def test_deeply_nested_json_is_refused(tmp_path):
    path = tmp_path / "hostile.json"
    path.write_text('{"model":' * 100_000)
    with pytest.raises(FormatError):
        read(path)


def tamper(tmp_path: Path, replace_dataset) -> Path:
    """A `.dp` whose dataset of the output bias is another one."""
    path = tmp_path / "hostile.dp"
    path.write_bytes(write_hdf5(base_tree()))
    with h5py.File(path, "r+") as file:
        name = json.loads(file.attrs["json"])["model"]["@variables"]["out_bias"]
        del file[name]
        replace_dataset(file, name)
    return path


def external_storage(file, name):
    (Path(file.filename).parent / "secret").write_bytes(bytes(16))
    file.create_dataset(name, (1, 2, 1), "f8", external=[("secret", 0, 16)])


def external_link(file, name):
    with h5py.File(Path(file.filename).parent / "other.h5", "w") as other:
        other["x"] = np.zeros((1, 2, 1))
    file[name] = h5py.ExternalLink("other.h5", "/x")


def virtual(file, name):
    layout = h5py.VirtualLayout((1, 2, 1), "f8")
    layout[:] = h5py.VirtualSource("other.h5", "x", (1, 2, 1))
    file.create_virtual_dataset(name, layout)


def huge(file, name):
    file.create_dataset(name, (10**9,), "f8", chunks=(1000,))


def objects(file, name):
    file.create_dataset(name, data=np.array([["a"]], dtype=object), dtype=h5py.string_dtype())


def integers(file, name):
    file[name] = np.zeros((1, 2, 1), "i8")


def group(file, name):
    file.create_group(name)


def soft_link(file, name):
    file[name] = h5py.SoftLink("/variable_0001")


def empty(file, name):
    file[name] = h5py.Empty("f8")


def absent(file, name):
    pass


TAMPERINGS = (external_storage, external_link, virtual, huge, objects, integers, group, soft_link, empty, absent)


@pytest.mark.parametrize("replace_dataset", TAMPERINGS, ids=lambda f: f.__name__)
def test_hdf5_arrays_are_plain_numbers_inside_the_file(replace_dataset, tmp_path):
    with pytest.raises(FormatError, match="dataset"):
        read(tamper(tmp_path, replace_dataset))


def test_foreign_hdf5_files_are_refused_by_name(tmp_path):
    with h5py.File(tmp_path / "foreign.dp", "w") as file:
        file["x"] = 1.0
    with pytest.raises(UnsupportedModel, match="HDF5 file of something else"):
        read(tmp_path / "foreign.dp")


def test_big_endian_and_repacked_files_are_read(tmp_path):
    path = tmp_path / "repacked.dp"
    path.write_bytes(write_hdf5(base_tree()))
    with h5py.File(path, "r+") as file:
        for name in list(file):
            array = file[name][()]
            del file[name]
            options = {"compression": "gzip"} if array.ndim else {}
            file.create_dataset(name, data=array.astype(">f8"), **options)
    assert read(path).digest() == base().digest()


# --- the native format


def native(tmp_path: Path, edit=lambda header: None, checkpoint: Checkpoint | None = None) -> Path:
    """A native file with an edited header."""
    path = tmp_path / "model.safetensors"
    write(checkpoint or base(), path)
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    edit(header)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[end:])
    return path


def test_the_same_checkpoint_gives_the_same_bytes(tmp_path):
    for suffix in SUFFIXES:
        for name in ("a", "b"):
            write(base(), tmp_path / f"{name}{suffix}")
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_the_order_of_tensors_and_notes_does_not_matter(tmp_path):
    checkpoint = read(SAMPLES / "dpa2_tiny.dp")
    turned = [dict(reversed(d.items())) for d in (checkpoint.weights, checkpoint.metadata)]
    write(checkpoint, tmp_path / "a.safetensors")
    write(Checkpoint(checkpoint.config, *turned), tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_any_safetensors_library_reads_the_tensors(tmp_path):
    from safetensors.numpy import load_file

    write(base(), tmp_path / "model.safetensors")
    loaded = load_file(tmp_path / "model.safetensors")
    assert loaded.keys() == base().weights.keys()
    for name, array in base().weights.items():
        assert loaded[name].tobytes() == array.tobytes()


def test_the_reader_in_the_description_works(tmp_path):
    page = (Path(__file__).parents[1] / "docs" / "native-format.md").read_text()
    names: dict = {}
    exec(re.search(r"```python\n(.*?)```", page, re.S)[1], names)
    for case in ("base", "float32"):
        checkpoint = known(DATA / "cases" / f"{case}.dp")
        write(checkpoint, tmp_path / "model.safetensors")
        config, tensors = names["load"](tmp_path / "model.safetensors")
        assert c.DPA2Config.from_dict(config) == checkpoint.config
        assert tensors.keys() == checkpoint.weights.keys()


def test_the_description_names_every_setting():
    page = (Path(__file__).parents[1] / "docs" / "native-format.md").read_text()
    for section in (c.DPA2Config, c.Repinit, c.Compression, c.NeighborAttention, c.ThreeBody, c.Repformer, c.Fitting):
        for field in dataclasses.fields(section):
            assert f"`{field.name}`" in page


def test_a_native_file_with_other_numbers_is_refused(tmp_path):
    path = native(tmp_path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(FormatError, match="digest"):
        read(path)


NATIVE_EDITS = {
    "is newer": lambda h: h["__metadata__"].update(version="2"),
    "is not a version number": lambda h: h["__metadata__"].update(version="one"),
    "does not say format = dpa2": lambda h: h["__metadata__"].update(format="pt"),
    "of something else": lambda h: h.pop("__metadata__"),
    "digest": lambda h: h["__metadata__"].pop("digest"),
    "config is missing": lambda h: h["__metadata__"].pop("config"),
    "not valid JSON": lambda h: h["__metadata__"].update(config="{"),
    "not a JSON object": lambda h: h["__metadata__"].update(metadata="[]"),
    "types": lambda h: h["__metadata__"].update(config="{}"),
    "belongs to no part": lambda h: h.update({"surplus": h.pop("bias")}),
    "F64": lambda h: h["bias"].update(dtype="I64"),
    "too few": lambda h: edit_config(h, layers=10**12),
    "whole number": lambda h: edit_config(h, layers="3"),
    "is no setting": lambda h: edit_config(h, levels=3),
}


def edit_config(header: dict, **repformer):
    config = json.loads(header["__metadata__"]["config"])
    config["repformer"].update(repformer)
    header["__metadata__"]["config"] = json.dumps(config)


@pytest.mark.parametrize("message", NATIVE_EDITS)
def test_a_native_file_is_refused_that(message, tmp_path):
    path = native(tmp_path, NATIVE_EDITS[message])
    with pytest.raises((FormatError, UnsupportedModel), match=message) as caught:
        read(path)
    assert caught.value.file == str(path)


def test_newer_and_foreign_native_files_are_genuine_but_unsupported(tmp_path):
    for message in ("is newer", "of something else"):
        with pytest.raises(UnsupportedModel):
            read(native(tmp_path, NATIVE_EDITS[message]))


def test_notes_must_be_plain_json(tmp_path):
    for notes in ({"when": np.float64}, {"x": float("nan")}):
        with pytest.raises(InputError, match="metadata"):
            write(dataclasses.replace(base(), metadata=notes), tmp_path / "model.safetensors")


# --- whole or not at all


def broken(*_, **__):
    raise OSError("no space left on device")


def half_written(path, data):
    with open(path, "wb") as file:
        file.write(data[: len(data) // 2])
    broken()


FAILURES = {"os.replace": broken, "os.fsync": broken, "pathlib.Path.write_bytes": half_written}


@pytest.mark.parametrize("suffix", [".dp", ".safetensors"])
@pytest.mark.parametrize("where", FAILURES)
def test_an_error_while_writing_leaves_the_old_file(where, suffix, tmp_path, monkeypatch):
    path = tmp_path / f"model{suffix}"
    write(base(), path)
    before = path.read_bytes()
    monkeypatch.setattr(where, FAILURES[where])
    for attempt in (
        lambda: write(legacy_checkpoint(), path),
        lambda: convert(DATA / "cases" / "strip.dp", path, overwrite=True),
    ):
        with pytest.raises(OSError, match="no space"):
            attempt()
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_an_error_while_encoding_touches_nothing(tmp_path):
    path = tmp_path / "model.dp"
    path.write_bytes(b"precious")
    with pytest.raises(FormatError):
        write(Checkpoint(base().config, {}), path)
    assert path.read_bytes() == b"precious"
    assert [p.name for p in tmp_path.iterdir()] == ["model.dp"]


def test_a_conversion_that_changes_the_model_never_takes_place(tmp_path, monkeypatch):
    real = read(DATA / "cases" / "base.dp")
    other = dataclasses.replace(real, weights=real.weights | {"bias": real.weights["bias"] + 1})
    answers = iter([real, other])
    monkeypatch.setattr("dpa2.serialization.files.read", lambda *_: next(answers))
    with pytest.raises(FormatError, match="read back"):
        convert("source.dp", tmp_path / "model.yaml")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="permissions are those of POSIX")
def test_a_written_file_has_ordinary_permissions(tmp_path):
    (tmp_path / "ordinary").touch()
    write(base(), tmp_path / "model.dp")
    assert (tmp_path / "model.dp").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


# --- input scripts


def script() -> dict:
    return json.loads((SAMPLES / "input.main.json").read_text())["model"]


def test_the_script_of_a_training_describes_the_model_that_came_of_it():
    assert script_to_config(script()) == read(SAMPLES / "dpa2_tiny.dp").config


@pytest.mark.parametrize("path", GENUINE[len(CASES) :], ids=by_name)
def test_the_normalized_script_in_a_file_describes_its_model(path):
    checkpoint = read(path)
    assert script_to_config(checkpoint.metadata["script"]) == checkpoint.config


def test_defaults_are_those_of_input_scripts():
    least = {
        "type_map": ["O", "H"],
        "descriptor": {
            "type": "dpa2",
            "repinit": {"rcut": 6.0, "rcut_smth": 0.5, "nsel": 120},
            "repformer": {"rcut": 4.0, "rcut_smth": 3.5, "nsel": 48},
        },
        "fitting_net": {},
    }
    config = script_to_config(least)
    assert config == c.DPA2Config(
        types=("O", "H"),
        repinit=c.Repinit(cutoff=6.0, inner_cutoff=0.5, max_neighbors=120),
        repformer=c.Repformer(cutoff=4.0, inner_cutoff=3.5, max_neighbors=48),
    )
    written = config_to_script(config)
    assert written["descriptor"]["repinit"]["neuron"] == [25, 50, 100]
    assert written["descriptor"]["repformer"]["g1_dim"] == 128
    assert written["fitting_net"]["neuron"] == [120, 120, 120]


def test_comments_and_aliases_are_understood():
    spelled = script()
    del spelled["descriptor"]["add_tebd_to_repinit_out"]
    spelled["descriptor"]["repformer_add_type_ebd_to_seq"] = True
    spelled["fitting_net"]["n_neuron"] = spelled["fitting_net"].pop("neuron")
    for section in (spelled, spelled["descriptor"], spelled["descriptor"]["repinit"], spelled["fitting_net"]):
        section["_comment"] = "that's all"
    assert script_to_config(spelled) == script_to_config(script())


PLACES = ("", "descriptor.", "descriptor.repinit.", "descriptor.repformer.", "fitting_net.")


@pytest.mark.parametrize("place", PLACES)
def test_unknown_keys_of_a_script_are_named(place):
    with pytest.raises(ConfigurationError, match=re.escape(f"model.{place}rcutt")) as caught:
        script_to_config(change(script(), f"{place}rcutt", 6.0))
    assert caught.value.path == f"model.{place}rcutt"


WRONG_SETTINGS = {
    "descriptor.repinit.rcut": "six",
    "descriptor.repinit.nsel": 20.5,
    "descriptor.repinit.neuron": 25,
    "descriptor.repinit.rcut_smth": 7.0,
    "descriptor.repinit.use_three_body": "yes",
    "descriptor.repinit.three_body_sel": 0,
    "descriptor.repinit.activation_function": "swish",
    "descriptor.repformer.update_style": "res_net",
    "descriptor.repformer.update_h2": 1,
    "descriptor.repformer.nlayers": None,
    "descriptor.precision": "float8",
    "descriptor.exclude_types": [[0, 7]],
    "descriptor": [],
    "fitting_net.neuron": [9, "9"],
    "fitting_net.trainable": "all",
    "type_map": ["O", "O"],
    "preset_out_bias": {"dipole": [0.0, 0.0]},
}


@pytest.mark.parametrize("path", WRONG_SETTINGS)
def test_wrong_settings_of_a_script_are_named(path):
    with pytest.raises(ConfigurationError, match=re.escape(f"model.{path}")) as caught:
        script_to_config(change(script(), path, WRONG_SETTINGS[path]))
    assert caught.value.path == f"model.{path}"


MISSING = ("type_map", "descriptor", "fitting_net", "descriptor.type", "descriptor.repinit", "descriptor.repinit.nsel")


@pytest.mark.parametrize("path", MISSING)
def test_missing_settings_of_a_script_are_named(path):
    given, (*way, last) = script(), path.split(".")
    node = given
    for key in way:
        node = node[key]
    del node[last]
    with pytest.raises(ConfigurationError, match=re.escape(f"model.{path}")):
        script_to_config(given)


@pytest.mark.parametrize("word", ["auto", "auto:1.2"])
@pytest.mark.parametrize("place", ["repinit.nsel", "repinit.three_body_sel", "repformer.nsel"])
def test_automatic_neighbor_counts_are_refused_with_a_hint(place, word):
    with pytest.raises(ConfigurationError, match=re.escape(place)) as caught:
        script_to_config(change(script(), f"descriptor.{place}", word))
    assert "number" in caught.value.hint


OTHER_KINDS = {
    "descriptor.type": "dpa3",
    "fitting_net.type": "dipole",
    "type": "linear_ener",
    "spin": {"use_spin": [True, False]},
    "modifier": {"type": "dipole_charge"},
    "bridging_method": "zbl",
}


@pytest.mark.parametrize("path", OTHER_KINDS)
def test_scripts_of_other_models_are_refused_by_name(path):
    with pytest.raises(UnsupportedModel, match=path.split(".")[-1].split("_")[0]):
        script_to_config(change(script(), path, OTHER_KINDS[path]))


def test_a_multi_task_script_is_told_its_heads():
    with pytest.raises(UnsupportedModel, match="water, ice"):
        script_to_config({"shared_dict": {}, "model_dict": {"water": {}, "ice": {}}})


def test_a_whole_script_is_told_which_part_is_wanted():
    with pytest.raises(ConfigurationError, match="whole input script"):
        script_to_config(json.loads((SAMPLES / "input.main.json").read_text()))


def test_settings_given_under_two_names_are_refused():
    with pytest.raises(ConfigurationError, match="twice"):
        script_to_config(change(script(), "fitting_net.n_neuron", [1]))


def test_a_script_cannot_say_attention_in_repinit():
    config = base().config
    repinit = dataclasses.replace(config.repinit, attention=c.NeighborAttention(layers=1))
    with pytest.raises(UnsupportedModel, match="attention"):
        config_to_script(dataclasses.replace(config, repinit=repinit))


# --- the rest


def test_importing_loads_no_file_library():
    program = "import sys, dpa2.serialization; print([m for m in ('h5py', 'yaml', 'safetensors') if m in sys.modules])"
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=root)
    assert done.stdout.strip() == "[]", done.stderr


def test_written_yaml_is_plain(tmp_path):
    write(base(), tmp_path / "model.yaml")
    text = (tmp_path / "model.yaml").read_text()
    assert not re.search(r"[!&]|- \*", text)
    assert yaml.safe_load(text)["model"]["type"] == "standard"
