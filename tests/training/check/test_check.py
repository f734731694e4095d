"""What is said of a training before its first step is true of its script and its data."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from training_data import FOLDERS, TRAINING, write_folder
from training_scripts import GONE, HEADS, SINGLE, changed

import dpa2
from dpa2.construction.trainability import trainable
from dpa2.errors import ConfigurationError, FormatError, InputError
from dpa2.nn.module import map_roles
from dpa2.training.check.check import check_training, number_of_parameters
from dpa2.training.script.file import read_script
from dpa2.training.script.script import parse_script

SYSTEMS = "training.training_data.systems"
BOTH = {SYSTEMS: [str(FOLDERS["sysA"]), str(FOLDERS["sysB"])], "training.training_data.batch_size": 2}


def report(changes, script=SINGLE):
    return check_training(parse_script(changed(script, changes)))


def test_systems_batches_and_labels_are_those_of_the_data():
    (task,) = report(BOTH | {"training.validation_data": {"systems": str(FOLDERS["mixC"]), "batch_size": 4}}).tasks
    facts = [(s.frames, s.atoms, s.batch_size, s.batches) for s in (*task.training, *task.validation)]
    assert facts == [(7, 10, 2, 4), (5, 6, 2, 3), (9, 8, 4, 3)]
    assert [s.probability for s in task.training] == pytest.approx([4 / 7, 3 / 7])
    assert task.training[0].labels == ("energy", "forces", "virial", "atom_energy")
    assert task.training[1].labels == ("energy", "forces")
    assert task.epoch == 7


def test_steps_and_rates_follow_from_epochs_of_the_data():
    found = report(BOTH | {"training.numb_steps": GONE, "training.numb_epoch": 3, "learning_rate.warmup_steps": 4})
    assert found.steps == 21
    schedule = parse_script(changed(SINGLE, {"learning_rate.warmup_steps": 4})).schedule.over(21)
    assert [(r.step, r.rate) for r in found.rates] == [(s, schedule.rate(s)) for s in (0, 4, 10, 20)]


def test_a_warm_up_longer_than_the_epochs_is_refused():
    with pytest.raises(ConfigurationError, match="shorter than the training of 21"):
        report(BOTH | {"training.numb_steps": GONE, "training.numb_epoch": 3, "learning_rate.warmup_steps": 21})


def test_numbers_that_are_left_to_the_data_are_found():
    auto = {"model.descriptor.repinit.nsel": "auto:2", "model.descriptor.repformer.nsel": "auto"}
    (task,) = report(BOTH | auto).tasks
    for block in task.blocks:
        assert block.max_neighbors == 4 * (
            (math.floor(block.largest * (2 if block.block == "repinit" else 1.1)) + 3) // 4
        )
        assert not block.short


def test_neighbours_beyond_a_list_are_told_with_the_atom():
    found = report(BOTH | {"model.descriptor.repinit.nsel": 30, "model.descriptor.repformer.nsel": 5})
    short = [block for task in found.tasks for block in task.blocks if block.short]
    assert short
    for block in short:
        assert any(f"atom {block.atom} of {block.frame} has {block.largest} neighbours" in w for w in found.warnings)


def test_the_numbers_that_are_trained_are_counted():
    config = parse_script(SINGLE).config()
    for settings in ({}, {"trainable": False}):
        model = dpa2.build(dataclasses.replace(config, **settings), seed=1)
        sizes = []
        map_roles(lambda leaf, a, m=model, n=sizes: n.append(a.size * trainable(m.config, leaf)), model.weights)
        assert number_of_parameters(model.config) == sum(sizes) > 0


def test_heads_have_their_own_reports():
    data = {f"training.data_dict.{head}.training_data": {"systems": str(FOLDERS[name]), "batch_size": 3}
            for head, name in (("ice", "mixC"), ("sea", "sysB"))}  # fmt: skip
    found = report(data | {"training.model_prob": {"ice": 3, "sea": 1}}, HEADS)
    assert [(task.head, task.probability) for task in found.tasks] == [("ice", 0.75), ("sea", 0.25)]
    assert [task.training[0].atoms for task in found.tasks] == [8, 6]
    assert [[t.term for t in task.terms] for task in found.tasks] == [["e", "f", "v"], ["e", "f"]]


def test_the_references_scripts_are_found_right(monkeypatch):
    for name in ("allterms_adamw", "mixed_padded", "multitask"):
        monkeypatch.chdir(TRAINING / name)
        found = check_training(read_script("input.json"))
        assert found.steps == 5
        assert not [block for task in found.tasks for block in task.blocks if block.short]


# What is allowed and probably not meant

SAID = {
    "AdamW": ({"optimizer.type": "AdamW"}, "weight_decay is not given"),
    "a rate of few jumps": ({"learning_rate.decay_steps": 99}, "changes 1 times only"),
    "half a term": ({"loss.limit_pref_v": 1}, "no term v: one of its prefactors is 0"),
    "a label of some systems": ({"loss.start_pref_v": 1, "loss.limit_pref_v": 1}, "sysB has no virial"),
    "a system that is never chosen": ({"training.training_data.sys_probs": [1.0, 0.0]}, "sysB is never chosen"),
}


@pytest.mark.parametrize("what", SAID)
def test_it_is_said_that_there_is(what):
    changes, words = SAID[what]
    quiet = {"learning_rate.decay_steps": 10}
    assert not [w for w in report(BOTH | quiet).warnings if words in w]
    assert [w for w in report(BOTH | quiet | changes).warnings if words in w]


def test_frames_that_are_left_out_are_counted(tmp_path):
    coordinates = np.tile([[0, 0, 0], [1.5, 0, 0], [0, 1.5, 0]], (4, 1, 1)).astype(float)
    coordinates[1, 1, 0] = 0.3
    place = write_folder(tmp_path / "a", coord=coordinates.reshape(4, 9))
    found = report({SYSTEMS: str(place), "training.training_data.min_pair_dist": 0.5})
    assert found.tasks[0].training[0].left_out == 1
    assert found.tasks[0].closest == pytest.approx(1.5)
    assert any("1 of 4 frames" in w for w in found.warnings)


# What is refused before the first step


def test_a_label_that_the_loss_asks_for_and_nobody_has_is_refused():
    with pytest.raises(InputError, match=r"no system has virial\.npy"):
        report({SYSTEMS: str(FOLDERS["sysB"]), "loss.start_pref_v": 1, "loss.limit_pref_v": 1})


def test_weights_of_forces_may_be_missing_where_the_loss_takes_one():
    weighted = {SYSTEMS: str(FOLDERS["sysB"]), "loss.start_pref_pf": 1, "loss.limit_pref_pf": 1}
    with pytest.raises(InputError, match=r"atom_pref\.npy"):
        report(weighted)
    assert report(weighted | {"loss.use_default_pf": True}).tasks


def test_damaged_data_and_parameters_that_are_missing_are_refused(tmp_path):
    force = np.zeros((4, 9))
    force[2, 4] = np.nan
    with pytest.raises(FormatError, match="atom 1 of frame 2"):
        report({SYSTEMS: str(write_folder(tmp_path / "a", force=force))})
    with pytest.raises(InputError, match="fparam"):
        report({SYSTEMS: str(FOLDERS["sysB"]), "model.fitting_net.numb_fparam": 1})
    with pytest.raises(FormatError, match="nowhere"):
        report({SYSTEMS: str(tmp_path / "nowhere")})
