"""What is said of the file that a training would start from is what the training takes from it."""

from __future__ import annotations

import json

import pytest
import small_course as small
from training_scripts import changed

import dpa2
from dpa2.errors import DPA2Error
from dpa2.training import Origin, check_training, parse_script, plan_training, prepare
from dpa2.training.course import Options

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with checkpoints of both trainers after three steps, of one task and of two heads."""
    place = tmp_path_factory.mktemp("trained")
    small.write_data(place)
    options = Options(reference_checkpoints=True)
    small.ran_in(place, lambda: small.started(options=options, training__numb_steps=3))
    heads = {"training__numb_steps": 3, "training__save_ckpt": "heads"}
    small.ran_in(place, lambda: small.started(small.HEADS, options, **heads))
    return place


@pytest.fixture(autouse=True)
def here(trained, monkeypatch):
    monkeypatch.chdir(trained)


def checked(script=small.SCRIPT, changes=(), **origin):
    chosen = Origin(**origin)
    given = parse_script(chosen.change(changed(script, dict(changes))))
    return check_training(given, origin=chosen, backend="torch")


def test_without_a_file_there_is_no_origin():
    assert checked().origin is None


@pytest.mark.parametrize(("file", "same"), [("model.ckpt-3.state", True), ("model.ckpt-3.pt", False)])
def test_a_restart_says_its_step_and_whether_batches_go_on(file, same, trained):
    before = sorted(path.name for path in trained.iterdir())
    found = checked(restart=file).origin
    assert (found.way, found.file, found.step, found.same_batches) == ("restart", file, 3, same)
    assert sorted(path.name for path in trained.iterdir()) == before, "nothing is written"


def test_a_name_without_its_suffix_is_found_as_the_training_finds_it():
    assert checked(restart="model.ckpt").origin.file == "model.ckpt.state"


def test_models_of_a_file_are_taken_as_they_are():
    (head,) = checked(init_model="model.ckpt-3.state").origin.heads
    count = len(dpa2.load("model.ckpt-3.state").state_dict())
    assert (head.taken, head.initial, head.left_out, head.bias) == (count, 0, 0, "keep")


@pytest.mark.parametrize(("branch", "taken_of", "bias"), [("sea", "sea", "change"), ("RANDOM", "ice", "set")])
def test_fine_tuning_says_the_branch_and_what_is_taken_of_it(branch, taken_of, bias):
    (head,) = checked(finetune="heads-3.pt", model_branch=branch).origin.heads
    names = dpa2.load_multitask("heads-3.pt")[taken_of].state_dict()
    kept = [name for name in names if branch != "RANDOM" or name.startswith("descriptor.")]
    assert (head.branch, head.bias) == (taken_of, bias)
    assert (head.taken, head.initial, head.left_out) == (len(kept), len(names) - len(kept), 0)


def test_new_types_are_named():
    found = checked(changes={"model.type_map": ["H", "O", "C"]}, finetune="model.ckpt-3.state")
    assert found.origin.heads[0].new_types == ("C",)


def test_warnings_of_the_file_are_told():
    found = checked(changes={"model.fitting_net.resnet_dt": False}, init_frz_model="model.ckpt-3.state")
    assert found.origin.heads[0].left_out == len(
        set(dpa2.load("model.ckpt-3.state").state_dict()) - set(small_model(resnet_dt=False))
    )
    assert any("settings differ" in warning and "timestep" in warning for warning in found.warnings)


def small_model(**fitting) -> dict:
    script = parse_script(changed(small.SCRIPT, {f"model.fitting_net.{name}": v for name, v in fitting.items()}))
    return dpa2.build(script.config(), seed=1).state_dict()


REFUSED = {
    "no such file": ({"restart": "nowhere"}, {}),
    "another model": ({"restart": "model.ckpt"}, {"model.descriptor.repformer.nlayers": 2}),
    "other data": ({"restart": "model.ckpt"}, {"training.training_data.systems": ["first"]}),
    "tensors that do not fit": ({"init_model": "model.ckpt-3.state"}, {"model.fitting_net.neuron": [5]}),
    "other types": ({"init_model": "model.ckpt-3.state"}, {"model.type_map": ["H", "O"]}),
    "no such branch": ({"finetune": "heads-3.pt", "model_branch": "lake"}, {}),
    "no model": ({"finetune": "first/type.raw"}, {}),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_a_training_refuses_is_refused_in_the_same_words(what):
    origin, changes = REFUSED[what]
    script = parse_script(changed(small.SCRIPT, changes))
    with pytest.raises(DPA2Error) as expected:
        prepare(plan_training(script), Origin(**origin))
    with pytest.raises(type(expected.value)) as found:
        checked(changes=changes, **origin)
    assert str(found.value) == str(expected.value)


def test_the_page_and_the_json_say_it(call, tmp_path):
    (tmp_path / "input.json").write_text(json.dumps(small.SCRIPT))
    words = ("train", "--check", tmp_path / "input.json", "--backend", "torch")
    code, text, said = call(*words, "--restart", "model.ckpt")
    assert code == 0, said
    assert "goes on from model.ckpt.state, 3 steps done" in text
    code, text, _ = call(*words, "--finetune", "heads-3.pt", "--model-branch", "sea")
    assert "begins with heads-3.pt (finetune)" in text
    assert "of the branch sea; the bias is changed by the data" in text
    code, text, _ = call(*words, "--init-model", "model.ckpt-3.state", "--json")
    assert json.loads(text)["origin"]["heads"][0]["bias"] == "keep"
    code, _, said = call(*words, "--finetune", "heads-3.pt", "--model-branch", "lake")
    assert code == 2
    assert "lake" in said
