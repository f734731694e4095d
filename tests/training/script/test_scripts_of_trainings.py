"""Whole input scripts: what is read, upgraded, filled in, and refused by its path."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import yaml
from references import DATA
from training_scripts import DESCRIPTOR, GONE, HEADS, SINGLE, changed

import dpa2
from dpa2.errors import ConfigurationError, FileMissing, FormatError, UnsupportedModel
from dpa2.training.schedules import Exponential
from dpa2.training.script.file import read_script
from dpa2.training.script.script import parse_script
from dpa2.training.script.selections import automatic, heads_of, with_numbers

GENUINE = ("efonly_adam", "allterms_adamw", "mixed_padded", "multitask")


def parsed(**changes):
    return parse_script(changed(SINGLE, {path.replace("__", "."): value for path, value in changes.items()}))


# What is read


def test_scripts_of_the_reference_are_read():
    found = {name: read_script(DATA / "training" / name / "input.json") for name in GENUINE}
    one = found["allterms_adamw"]
    (task,) = one.tasks
    assert (task.head, task.loss.labels) == (None, ("energy", "force", "virial", "atom_ener"))
    assert task.training_data.folders == ("../data/sysA", "../data/sysB")
    assert (one.optimizer.type, one.optimizer.weight_decay, one.optimizer.adam_beta2) == ("AdamW", 0.05, 0.99)
    assert (one.course.numb_steps, one.course.seed, one.course.gradient_max_norm) == (5, 10, 1.0)
    assert one.schedule.over(5).warmup == 2
    assert one.config().types == ("O", "H")
    two = found["multitask"]
    assert two.heads == ("h1", "h2")
    assert [task.share for task in two.tasks] == [1.0, 3.0]
    assert [task.training_data.batch_size for task in two.tasks] == [2, 3]
    assert [task.loss.start_pref_e for task in two.tasks] == [0.02, 0.2]


def test_defaults_are_those_of_the_description():
    script = parse_script(SINGLE)
    (task,) = script.tasks
    assert script.course.disp_file == "lcurve.out"
    assert (script.course.disp_freq, script.course.save_freq, script.course.max_ckpt_keep) == (1000, 1000, 5)
    assert (script.course.seed, script.course.gradient_max_norm, script.course.enable_ema) == (None, 0.0, False)
    assert (script.optimizer.type, script.optimizer.weight_decay) == ("Adam", 0.0)
    assert (script.optimizer.adam_beta1, script.optimizer.adam_beta2) == (0.9, 0.999)
    assert script.schedule == Exponential(start_lr=1e-3, stop_lr=1e-8, decay_steps=5000)
    assert (task.training_data.batch_size, task.training_data.auto_prob) == ("auto", "prob_sys_size")
    assert (task.training_data.min_pair_dist, task.validation_data) == (0.0, None)
    assert (task.statistics.data_stat_nbatch, task.statistics.data_stat_protect) == (10, 0.01)
    assert (task.statistics_file.stat_file, task.statistics_file.stat_file_mode) == (None, "update")
    assert task.loss.terms == {"e": (0.02, 1.0), "f": (1000.0, 1.0)}
    assert script.without_effect == ()


def test_a_script_in_yaml_is_the_same(tmp_path):
    (tmp_path / "input.yaml").write_text(yaml.safe_dump(SINGLE))
    (tmp_path / "input.json").write_text(json.dumps(SINGLE))
    assert read_script(tmp_path / "input.yaml") == read_script(tmp_path / "input.json")


def test_comments_are_dropped_at_any_depth():
    commented = changed(SINGLE, {"_c": 1, "training._c": 1, "learning_rate._x": [], "model.descriptor._c": {}})
    commented["training"]["training_data"]["_comment"] = "that's all"
    assert parse_script(commented) == parse_script(SINGLE)


@pytest.mark.parametrize("name", ["stop_batch", "num_step", "num_steps", "numb_step"])
def test_other_names_of_the_number_of_steps_are_understood(name):
    found = changed(SINGLE, {"training.numb_steps": GONE, f"training.{name}": 7})
    assert parse_script(found).course.numb_steps == 7


@pytest.mark.parametrize("name", ["numb_epoch", "num_epoch", "num_epochs", "numb_epochs"])
def test_a_number_of_epochs_takes_the_place_of_steps(name):
    found = parse_script(changed(SINGLE, {"training.numb_steps": GONE, f"training.{name}": 2.5}))
    assert (found.course.numb_steps, found.course.numb_epoch) == (None, 2.5)


def test_other_names_of_keys_of_data_are_understood():
    given = {"systems": ["a"], "auto_prob_style": "prob_uniform", "sys_weights": [1.0]}
    found = parsed(training__training_data=given, training__validation_data=given | {"numb_batch": 3}).tasks[0]
    assert found.training_data.auto_prob == "prob_uniform"
    assert found.training_data.sys_probs == (1.0,)
    assert found.validation_data.numb_btch == 3


@pytest.mark.parametrize("size", [4, [1, 2], "auto", "auto:64", "max:100", "filter:12"])
def test_rules_for_batch_sizes_are_kept(size):
    found = parsed(training__training_data={"systems": ["a", "b"], "batch_size": size}).tasks[0]
    assert found.training_data.batch_size == (tuple(size) if isinstance(size, list) else size)


# Older scripts


def test_a_warm_up_in_training_moves_to_the_learning_rate():
    found = parsed(training__warmup_steps=10, training__warmup_start_factor=0.1)
    assert (found.schedule.warmup_steps, found.schedule.warmup_start_factor) == (10, 0.1)


def test_an_optimizer_in_training_wins():
    found = parsed(training__opt_type="AdamW", training__weight_decay=0.1, optimizer={"weight_decay": 0.5})
    assert (found.optimizer.type, found.optimizer.weight_decay) == ("AdamW", 0.1)


def test_adamw_decays_nothing_by_default():
    assert parsed(optimizer={"type": "AdamW"}).optimizer.weight_decay == 0.0


def test_keys_without_effect_are_listed():
    given = {
        "training.mixed_precision": {"output_prec": "float32"},
        "training.tensorboard": True,
        "training.zero_stage": 0,
        "learning_rate.scale_by_worker": "sqrt",
        "model.fitting_net.rcond": 0.5,
        "validating": {"full_validation": False},
    }
    given["model.descriptor.repformer.trainable_ln"] = False
    assert set(parse_script(changed(SINGLE, given)).without_effect) == set(given)


# Several heads


def test_heads_are_in_alphabetical_order_each_with_its_own():
    script = parse_script(HEADS)
    assert script.heads == ("ice", "sea")
    assert [task.training_data.folders for task in script.tasks] == [("ice",), ("sea",)]
    assert ["v" in task.loss.terms for task in script.tasks] == [True, False]
    assert [task.share for task in script.tasks] == [None, None]


def test_each_head_has_a_model_whose_parts_are_put_in_their_places():
    script = read_script(DATA / "training" / "multitask" / "input.json")
    expected = dpa2.load(DATA / "training" / "multitask" / "initial.h1.dp").config
    assert script.config("h1") == expected
    assert script.config("h2").fitting.widths == (8, 8)
    assert script.config("h2").repinit == expected.repinit


def test_keys_beside_the_heads_are_defaults_for_all_of_them():
    given = {"model.data_stat_nbatch": 3, "model.model_dict.ice.data_stat_nbatch": 5}
    assert [t.statistics.data_stat_nbatch for t in parse_script(changed(HEADS, given)).tasks] == [5, 3]


def test_epochs_of_heads_take_the_place_of_steps_and_shares():
    script = parse_script(
        changed(HEADS, {"training.numb_steps": GONE, "training.num_epoch_dict": {"ice": 2, "sea": 3}})
    )
    assert [task.epochs for task in script.tasks] == [2.0, 3.0]


# What is refused: changes of the script, the path that the error names, words of its message

REFUSED = {
    "an unknown section": ({"losses": {}}, "losses", "did you mean 'loss'"),
    "an unknown key": ({"training.save_frequ": 5}, "training.save_frequ", "did you mean 'save_freq'"),
    "an unknown key of the loss": ({"loss.start_pref": 5}, "loss.start_pref", "did you mean 'start_pref_"),
    "an unknown key of data": (
        {"training.training_data.batchsize": 5}, "training.training_data.batchsize", "'batch_size'"),
    "a key of validation": (
        {"training.training_data.numb_btch": 5}, "training.training_data.numb_btch", "is no key"),
    "an unknown key of the optimizer": ({"optimizer.beta1": 0.5}, "optimizer.beta1", "did you mean 'adam_beta1'"),
    "an unknown key of the model": (
        {"model.descriptor.repinit.rcutt": 6.0}, "model.descriptor.repinit.rcutt", "did you mean 'rcut'"),
    "no learning rate": ({"learning_rate": GONE}, "learning_rate", "required"),
    "no model": ({"model": GONE}, "model", "required"),
    "no training": ({"training": GONE}, "training", "required"),
    "no data": ({"training.training_data": GONE}, "training.training_data", "required"),
    "no folder": ({"training.training_data.systems": []}, "training.training_data.systems", "no folder"),
    "no length": ({"training.numb_steps": GONE}, "training.numb_steps", "numb_epoch in its place"),
    "two lengths": ({"training.numb_epoch": 3}, "training.numb_epoch", "beside numb_steps"),
    "a key twice": ({"training.stop_batch": 3}, "training.stop_batch", "twice, as numb_steps"),
    "two warm-ups": (
        {"training.warmup_steps": 3, "learning_rate.warmup_steps": 3}, "training.warmup_steps", "give one"),
    "a long warm-up": ({"learning_rate.warmup_steps": 100}, "learning_rate.warmup_steps", "shorter"),
    "half an atom": ({"training.training_data.batch_size": 0.5}, "training.training_data.batch_size", "whole"),
    "no frames": ({"training.training_data.batch_size": 0}, "training.training_data.batch_size", "positive"),
    "an unknown rule": ({"training.training_data.batch_size": "all"}, "training.training_data.batch_size", "auto:N"),
    "an unknown style": ({"training.training_data.auto_prob": "prob"}, "training.training_data.auto_prob", "prob_u"),
    "a block backwards": (
        {"training.training_data.auto_prob": "prob_sys_size;3:1:1"}, "training.training_data.auto_prob", "start"),
    "a norm of squares": ({"loss.f_use_norm": True}, "loss.f_use_norm", "use_huber"),
    "Huber and relative forces": ({"loss.use_huber": True, "loss.relative_f": 1.0}, "loss.use_huber", "relative_f"),
    "generalised forces without squares": (
        {"loss.start_pref_gf": 1, "loss.limit_pref_gf": 1, "loss.numb_generalized_coord": 1, "loss.loss_func": "mae"},
        "loss.loss_func", "needs 'mse'"),
    "coordinates that are not counted": (
        {"loss.start_pref_gf": 1, "loss.limit_pref_gf": 1}, "loss.numb_generalized_coord", "positive"),
    "two limits of three": ({"loss.huber_delta": [0.1, 0.2]}, "loss.huber_delta", "3 items"),
    "a heavy past": ({"optimizer.adam_beta1": 1.0}, "optimizer.adam_beta1", r"\[0, 1\)"),
    "a section of heads": ({"loss_dict": {"a": {}}}, "loss_dict", "multi-task"),
    "shares of heads": ({"training.model_prob": {"a": 1}}, "training.model_prob", "multi-task"),
    "a list for a section": ({"training": []}, "training", "section"),
    "an unknown mode": ({"training.stat_file_mode": "write"}, "training.stat_file_mode", "update, read"),
}  # fmt: skip
REFUSED_HEADS = {
    "one loss for all": ({"loss": {}}, "loss", "loss_dict"),
    "no losses": ({"loss_dict": GONE}, "loss_dict", "required"),
    "a head without a loss": ({"loss_dict.sea": GONE}, "loss_dict.sea", "missing"),
    "a loss of no head": ({"loss_dict.see": {}}, "loss_dict.see", "did you mean 'sea'"),
    "data of no head": ({"training.data_dict.seas": {}}, "training.data_dict.seas", "did you mean 'sea'"),
    "a share of no head": ({"training.model_prob": {"sea": 1, "ice": 1, "x": 1}}, "training.model_prob.x", "no head"),
    "a head without a share": ({"training.model_prob": {"sea": 1}}, "training.model_prob.ice", "missing"),
    "a negative share": ({"training.model_prob": {"sea": -1, "ice": 1}}, "training.model_prob", "negative"),
    "shares and epochs": (
        {"training.model_prob": {"sea": 1, "ice": 1}, "training.num_epoch_dict": {"sea": 1, "ice": 1}},
        "training.model_prob", "num_epoch_dict"),
    "steps and epochs": (
        {"training.num_epoch_dict": {"sea": 1, "ice": 1}}, "training.num_epoch_dict", "beside numb_steps"),
    "epochs of all": (
        {"training.numb_steps": GONE, "training.numb_epoch": 3}, "training.numb_epoch", "num_epoch_dict"),
    "a random head": ({"model.model_dict.RANDOM": {}}, "model.model_dict", "RANDOM"),
    "an error inside a head": (
        {"training.data_dict.ice.training_data.batch_size": 0},
        "training.data_dict.ice.training_data.batch_size", "positive"),
    "an unknown key of a head's loss": ({"loss_dict.ice.limit_pref": 1}, "loss_dict.ice.limit_pref", "'limit_pref_"),
    "an unknown key of a shared part": (
        {"model.shared_dict.d.repinit.rcutt": 6.0}, "model.descriptor.repinit.rcutt", "did you mean 'rcut'"),
    "one file of statistics": (
        {"training.data_dict.ice.stat_file": "s", "training.data_dict.sea.stat_file": "s"},
        "training.data_dict.sea.stat_file", "another head"),
}  # fmt: skip
ALL = {name: (SINGLE, *case) for name, case in REFUSED.items()}
ALL |= {name: (HEADS, *case) for name, case in REFUSED_HEADS.items()}


@pytest.mark.parametrize("what", ALL)
def test_refused_by_its_path_is(what):
    script, changes, path, words = ALL[what]
    with pytest.raises(ConfigurationError, match=words) as caught:
        parse_script(changed(script, changes))
    assert caught.value.path == path
    assert str(caught.value).startswith(path)


UNSUPPORTED = {
    "optimizer.type": "LKF",
    "training.opt_type": "HybridMuon",
    "training.zero_stage": 1,
    "training.training_data.batch_size": "mixed:128",
    "loss.type": "dos",
    "validating.full_validation": True,
    "nvnmd.enable": True,
    "model.fitting_net.type": "dos",
    "model.modifier": {"type": "dipole_charge"},
    "model.spin": {"use_spin": [True, False]},
}


@pytest.mark.parametrize("path", UNSUPPORTED)
def test_what_is_left_out_is_refused_by_name(path):
    with pytest.raises(UnsupportedModel, match="not supported") as caught:
        parse_script(changed(SINGLE, {path: UNSUPPORTED[path]}))
    assert path.replace("training.opt_", "optimizer.") in caught.value.what


def test_a_loss_of_the_hessian_is_refused_but_for_prefactors_of_zero():
    with pytest.raises(UnsupportedModel, match="Hessian"):
        parsed(loss={"type": "ener_hess", "start_pref_h": 10, "limit_pref_h": 1})
    assert "h" not in parsed(loss={"type": "ener_hess", "start_pref_h": 10}).tasks[0].loss.terms


def test_huber_has_no_effect_beside_mae():
    assert parsed(loss={"loss_func": "mae", "use_huber": True, "relative_f": 1.0}).tasks[0].loss.use_huber


def test_files_that_hold_no_script_are_refused_by_name(tmp_path):
    with pytest.raises(FileMissing, match="nowhere"):
        read_script(tmp_path / "nowhere.json")
    for text, words in (("{", "JSON"), ("[]", "no sections"), ('{"a": 1, "a": 2}', "twice"), ("[" * 10**5, "script")):
        (tmp_path / "input.json").write_text(text)
        with pytest.raises(FormatError, match=words) as caught:
            read_script(tmp_path / "input.json")
        assert caught.value.file == str(tmp_path / "input.json")


def test_errors_of_a_file_name_it(tmp_path):
    (tmp_path / "input.json").write_text(json.dumps(changed(SINGLE, {"training.seeds": 1})))
    with pytest.raises(ConfigurationError, match="did you mean 'seed'") as caught:
        read_script(tmp_path / "input.json")
    assert caught.value.file in str(caught.value)
    assert caught.value.path == "training.seeds"


# Numbers of neighbours that are left to the data

AUTO = {
    "model.descriptor.repinit.nsel": "auto",
    "model.descriptor.repinit.three_body_sel": "auto:1.5",
    "model.descriptor.repformer.nsel": "auto:1.0",
}


def test_numbers_that_are_left_to_the_data_are_found_with_their_cutoffs_and_factors():
    script = parse_script(changed(SINGLE, AUTO))
    found = automatic(script.model)
    assert [(a.path, a.cutoff, a.factor) for a in found] == [
        ("model.descriptor.repinit.nsel", 6.0, 1.1),
        ("model.descriptor.repinit.three_body_sel", 4.0, 1.5),
        ("model.descriptor.repformer.nsel", 4.0, 1.0),
    ]
    with pytest.raises(ConfigurationError, match="cannot be found without data"):
        script.config()
    ready = replace(script, model=with_numbers(script.model, {a.place: 40 + 8 * (a.cutoff > 5) for a in found}))
    assert ready.config().repinit.max_neighbors == 48
    assert ready.config().repformer.max_neighbors == 40


@pytest.mark.parametrize("three_body", ["auto", 20, 60])
@pytest.mark.parametrize("repformer", ["auto", 48])
@pytest.mark.parametrize("cutoff", [3.0, 4.0, 5.0])
def test_the_rest_of_a_model_is_checked_before_its_numbers_are_known(three_body, repformer, cutoff):
    own = {"use_three_body": True, "three_body_rcut": cutoff, "three_body_sel": three_body}
    possible = isinstance(three_body, str) or isinstance(repformer, str) or (three_body >= repformer) == (cutoff > 4)
    given = {f"model.descriptor.repinit.{key}": value for key, value in own.items()}
    given |= {"model.descriptor.repinit.nsel": "auto", "model.descriptor.repformer.nsel": repformer}
    if possible or (cutoff == 4.0):
        assert parse_script(changed(SINGLE, given)).model
    with pytest.raises(ConfigurationError, match="rcutt"):
        parse_script(changed(SINGLE, given | {"model.descriptor.repinit.rcutt": 1}))


@pytest.mark.parametrize("value", ["automatic", "auto:", "auto:x", "auto:0.5", "auto:nan"])
def test_what_is_no_rule_for_neighbours_is_refused(value):
    with pytest.raises(ConfigurationError, match="auto:FACTOR") as caught:
        parse_script(changed(SINGLE, {"model.descriptor.repinit.nsel": value}))
    assert caught.value.path == "model.descriptor.repinit.nsel"


def test_heads_share_the_numbers_of_a_descriptor_that_they_share():
    model = changed(HEADS, {"model.shared_dict.d.repinit.nsel": "auto"})["model"]
    (shared,) = automatic(model)
    assert shared.path == "model.shared_dict.d.repinit.nsel"
    assert heads_of(shared.place, model) == ["sea", "ice"]
    own = {"model.model_dict.ice.descriptor": changed(DESCRIPTOR, {"repformer.nsel": "auto"})}
    model = changed(HEADS, own)["model"]
    (one,) = automatic(model)
    assert (one.path, heads_of(one.place, model)) == ("model.model_dict.ice.descriptor.repformer.nsel", ["ice"])
