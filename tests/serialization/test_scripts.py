"""Input scripts and configurations describe the same models."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest
from checkpoints import CASES, GENUINE, SAMPLES, base, by_name, change

from dpa2 import config as c
from dpa2.errors import ConfigurationError, InputError, UnsupportedModel
from dpa2.serialization import config_to_script, read, script_to_config


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
    "fitting_net.type": "denoise",
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
    with pytest.raises(InputError, match="water, ice"):
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
