"""Trainings that start with the models of a file as they are, and scripts that take their model from a file."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from references import DATA
from starting import LITTLE, NET, RATE, common, data, same, several, single

import dpa2
from dpa2 import testing
from dpa2.errors import InputError
from dpa2.serialization import config_to_script
from dpa2.training.script.file import read_script
from dpa2.training.start import finetuned, fresh, initialized, with_data, with_model_of_file, with_parts_of_file

TWO = DATA / "samples" / "dpa2_tiny_multitask.trainer_checkpoint.pt"
HEADS = ("water_1", "water_2")
OTHER_NET = {"fitting_net": NET | {"neuron": [6]}}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    file = tmp_path_factory.mktemp("pretrained") / "alone.dp"
    dpa2.save(testing.perturbed_model(single().config(), seed=1), file)
    return file


def never():
    raise AssertionError("data were asked for")


def test_a_model_begins_as_it_is_in_its_file(alone):
    script = single()
    found = with_data(initialized(script, alone), {"": never})[""]
    given = dpa2.load(alone)
    assert same(given, found) == set(given.state_dict())


def test_heads_begin_as_they_are_in_their_file_and_share_what_the_script_says():
    section = config_to_script(dpa2.load(TWO, head="water_1").config)
    script = several({head: {"fitting_net": section["fitting_net"]} for head in HEADS},
                     {"shared_dict": {"types": ["O", "H"], "d": section["descriptor"]}})  # fmt: skip
    found = with_data(initialized(script, TWO), dict.fromkeys(HEADS, never))
    for head in HEADS:
        given = dpa2.load(TWO, head=head)
        assert same(given, found[head]) == set(given.state_dict())
    assert "descriptor.repinit.embedding.layers.0.weight" in common(*found.values())
    assert same(initialized(single(section), f"{TWO}#water_2").models[""], found["water_2"]) >= {
        "fitting.output.weight"
    }


def test_one_head_of_several_has_to_be_named():
    with pytest.raises(InputError, match="water_1, water_2"):
        initialized(single(), TWO)


def test_a_file_without_the_heads_of_the_script_is_refused(alone):
    with pytest.raises(InputError, match="one model without heads"):
        initialized(several({"a": {}, "b": {}}), alone)
    with pytest.raises(InputError, match="no head 'a'"):
        initialized(several({"a": {}, "b": {}}), TWO)


@pytest.mark.parametrize("types", [["H", "O"], ["O", "C"]])
def test_a_file_with_other_types_is_refused(alone, types):
    with pytest.raises(InputError, match=f"has the types O, H, the script has {', '.join(types)}; fine-tune it"):
        initialized(single({"type_map": types}), alone)


def test_a_file_need_not_be_complete_where_that_is_allowed(alone):
    deeper = single({"descriptor": LITTLE | {"repformer": LITTLE["repformer"] | {"nlayers": 2}}})
    given, new = dpa2.load(alone), fresh(deeper).models[""]
    with pytest.raises(InputError, match=r"tensor descriptor\.repformer\.layers\.0\.\S+ is missing there"):
        initialized(deeper, alone)
    for options in ({"force": True}, {"strict": False}):
        with pytest.warns(UserWarning, match=r"repformer\.layers = 1 there, 2 in the script"):
            found = initialized(deeper, alone, **options).models[""]
        assert "descriptor.repformer.layers.1.atom_scale.0" in same(new, found)
        assert np.array_equal(given.weights.fitting.output.weight, found.weights.fitting.output.weight)


def test_a_file_may_hold_more_where_that_is_allowed(tmp_path):
    deeper = single({"descriptor": LITTLE | {"repformer": LITTLE["repformer"] | {"nlayers": 2}}})
    dpa2.save(testing.perturbed_model(deeper.config(), seed=1), tmp_path / "deep.dp")
    for options in ({}, {"force": True}):
        with pytest.raises(
            InputError, match=r"tensor descriptor\.repformer\.layers\.\S+ is there, and the model has none"
        ):
            initialized(single(), tmp_path / "deep.dp", **options)
    with pytest.warns(UserWarning, match=r"repformer\.layers = 2 there, 1 in the script"):
        initialized(single(), tmp_path / "deep.dp", strict=False)


def test_tensors_of_another_shape_never_fit(alone):
    for options in ({}, {"force": True}, {"strict": False}):
        with pytest.raises(InputError, match=r"has shape \(7, 5\) there and \(7, 6\) in the model"):
            initialized(single(OTHER_NET), alone, **options)


def written(tmp_path, model: dict, training: dict | None = None) -> str:
    """An input script with a section `model`, in a file."""
    several_heads = "model_dict" in model
    script = {"model": model, "learning_rate": RATE, "training": {"numb_steps": 1, **(training or data("sysB"))}}
    script |= {"loss_dict": {head: {} for head in model["model_dict"]}} if several_heads else {"loss": {}}
    place = tmp_path / "input.json"
    place.write_text(json.dumps(script))
    return str(place)


def test_a_script_takes_its_model_from_a_file(tmp_path, alone):
    place = written(tmp_path, {"type_map": ["X"], "descriptor": {}, "data_stat_nbatch": 3, "_note": 1})
    script = read_script(place, change=with_model_of_file(alone))
    given = dpa2.load(alone)
    assert script.config() == given.config
    assert script.tasks[0].statistics.data_stat_nbatch == 3
    assert same(initialized(script, alone).models[""], given) == set(given.state_dict())


def test_heads_take_their_models_from_a_file_with_what_they_share(tmp_path):
    training = {"data_dict": {head: data("sysB") for head in HEADS}}
    place = written(tmp_path, {"model_dict": dict.fromkeys(HEADS)}, training)
    script = read_script(place, change=with_model_of_file(TWO))
    for head in HEADS:
        assert script.config(head) == dpa2.load(TWO, head=head).config
    (link,) = script.links
    assert (link.part, dict(link.levels)) == ("descriptor", dict.fromkeys(HEADS, 0))
    one = read_script(written(tmp_path, {}), change=with_model_of_file(f"{TWO}#water_2"))
    assert one.config() == dpa2.load(TWO, head="water_2").config


def test_a_script_takes_descriptor_and_fitting_net_from_a_pretrained_file(tmp_path, alone):
    types = {"type_map": ["H", "N", "O"]}
    kept = {"descriptor": {"trainable": False, "seed": 9}, "fitting_net": {"neuron": [77]}}
    script = read_script(written(tmp_path, types | kept), change=with_parts_of_file(alone))
    given, found = dpa2.load(alone).config, script.config()
    expected = dataclasses.replace(given, types=("H", "N", "O"), trainable=False)
    assert found == expected
    finetuned(script, alone)  # fits, and no setting differs
    random = read_script(written(tmp_path, types | kept), change=with_parts_of_file(alone, "RANDOM"))
    assert random.config().fitting.widths == (77,)


def test_what_a_pretrained_file_excludes_follows_the_types(tmp_path):
    descriptor = LITTLE | {"exclude_types": [[0, 1]]}
    dpa2.save(testing.perturbed_model(single({"descriptor": descriptor}).config()), tmp_path / "apart.dp")
    place = written(tmp_path, {"type_map": ["H", "N", "O"], "descriptor": {}, "fitting_net": {}})
    assert read_script(place, change=with_parts_of_file(tmp_path / "apart.dp")).config().excluded_pairs == ((2, 0),)


def test_shared_parts_come_from_a_pretrained_file(tmp_path):
    model = {
        "shared_dict": {"types": ["O", "H"], "d": {"trainable": False}},
        "model_dict": {
            "a": {"type_map": "types", "descriptor": "d", "fitting_net": {}, "finetune_head": "water_2"},
            "b": {"type_map": "types", "descriptor": "d", "fitting_net": NET},
        },
    }
    place = written(tmp_path, model, {"data_dict": {head: data("sysB") for head in "ab"}})
    script = read_script(place, change=with_parts_of_file(TWO))
    given = dpa2.load(TWO, head="water_2").config
    assert script.config("a") == dataclasses.replace(given, trainable=False)
    assert script.config("b").fitting.widths == (5, 5)
    assert script.links[0].whole == ("a", "b")
    finetuned(script, TWO)
