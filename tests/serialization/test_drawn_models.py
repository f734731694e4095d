"""Models of any configuration survive every format to the bit."""

from __future__ import annotations

import json

from checkpoints import SUFFIXES, TREES, random_checkpoint, same_bits
from drawn_configurations import brief, configs
from hypothesis import given
from hypothesis import strategies as st

from dpa2 import config as c
from dpa2.serialization import Checkpoint, config_to_script, inventory, read, script_to_config, write
from dpa2.serialization.tree.native_tree import checkpoint_to_tree, tree_to_checkpoint


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
