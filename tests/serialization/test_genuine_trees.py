"""Genuine files of the peer are written back as they were, and every format holds the same model."""

from __future__ import annotations

import dataclasses

import pytest
from checkpoints import GENUINE, SAMPLES, TREES, base, base_tree, by_name, differences, generic_load, known, same_bits

from dpa2.serialization import convert, inventory, read, script_to_config, write
from dpa2.serialization.formats.safetensors import read_safetensors, write_safetensors
from dpa2.serialization.tree.native_tree import checkpoint_to_tree, tree_to_checkpoint


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
