"""What a training starts from: checkpoints of both trainers, models of files, pretrained files."""

from __future__ import annotations

import numpy as np
import pytest
import small_course as small
from training_scripts import changed

import dpa2
from dpa2.errors import InputError
from dpa2.training import Options, Origin, parse_script, plan_training, prepare, train
from dpa2.training.loop import read_state

pytest.importorskip("torch")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a training of three steps, in checkpoints of both trainers."""
    small.write_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    small.started(options=Options(reference_checkpoints=True), training__numb_steps=3).run()
    return tmp_path


def ready(script=small.SCRIPT, **origin):
    chosen = Origin(**origin)
    return prepare(plan_training(parse_script(chosen.change(script))), chosen)


def test_a_checkpoint_of_the_other_trainer_has_the_same_state(place):
    ours, theirs = ready(restart="model.ckpt-3.state"), ready(restart="model.ckpt-3.pt")
    assert (ours.first, theirs.first) == (3, 3)
    expected, found = ours.trainer.state(), theirs.trainer.state()
    assert expected.keys() == found.keys()
    for name, array in expected.items():
        assert np.array_equal(found[name], array), name
    assert theirs.run().steps == 6


def test_the_moving_average_goes_with_the_checkpoints_of_both_trainers(place):
    script = changed(small.SCRIPT, {"training.enable_ema": True, "training.numb_steps": 3})
    small.started(script, Options(reference_checkpoints=True)).run()
    ours, theirs = (ready(script, restart=f"model.ckpt-3.{suffix}").trainer.state() for suffix in ("state", "pt"))
    assert any(name.startswith("average/") for name in ours)
    assert all(np.array_equal(theirs[name], array) for name, array in ours.items())


def test_models_of_a_file_begin_with_a_new_optimizer(place):
    training = ready(init_model="model.ckpt-3.state")
    assert training.first == 0
    assert training.trainer.model().checkpoint().digest() == dpa2.load("model.ckpt-3.state").checkpoint().digest()
    assert not any(array.any() for name, array in training.trainer.state().items() if name.startswith("moment"))


def test_a_pretrained_model_keeps_its_weights_and_gets_another_bias(place):
    shifted = dpa2.load("model.ckpt-3.state").state_dict()
    model = dpa2.load("model.ckpt-3.state").with_state(shifted | {"bias": shifted["bias"] + 1.0})
    dpa2.save(model, "pretrained.dp")
    found = ready(finetune="pretrained.dp").trainer.model().to("numpy")
    frames = [f for name in ("first", "second") for f in dpa2.read_dataset(name, model.type_map)]
    expected = dpa2.fit_output_bias(model, frames, change=True)
    assert np.abs(found.weights.bias - expected.weights.bias).max() < 1e-12
    changed_ones = {n for n, x in found.state_dict().items() if not np.array_equal(x, model.state_dict()[n])}
    assert changed_ones == {"bias", "deviation"}


def test_a_script_can_take_its_model_from_the_file(place):
    script = changed(small.SCRIPT, {"model.descriptor.repformer.nlayers": 3, "model.fitting_net.neuron": [7]})
    for name in ("init_model", "finetune"):
        found = ready(script, use_pretrain_script=True, **{name: "model.ckpt-3.state"}).trainer.model()
        assert found.config.repformer.layers == 1
        assert found.config.fitting.widths == (4,)
        with pytest.raises(InputError):
            ready(script, **{name: "model.ckpt-3.state"})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"restart": "a", "finetune": "b"}, "finetune stands beside restart"),
        ({"model_branch": "a"}, "model_branch is a branch of a file to fine-tune"),
        ({"use_pretrain_script": True}, "needs a file of models"),
        ({"use_pretrain_script": True, "restart": "a"}, "needs a file of models"),
    ],
)
def test_origins_that_contradict_each_other_are_refused(given, words):
    with pytest.raises(InputError, match=words):
        Origin(**given)


def test_one_call_trains_with_a_script_in_any_form(place):
    ended = train(small.SCRIPT)
    assert ended.complete
    again = train(parse_script(small.SCRIPT), origin=Origin(restart="model.ckpt-3.state"))
    assert (again.steps, again.file.name) == (6, "model.ckpt-6.state")


def test_both_trainers_share_what_heads_share(place):
    options = Options(reference_checkpoints=True)
    ended = small.started(small.HEADS, options).run()
    ours, theirs = dpa2.load_multitask(ended.file), dpa2.load_multitask("model.ckpt-6.pt")
    for head, model in ours.items():
        assert theirs[head].checkpoint().digest() == model.checkpoint().digest()
    expected = read_state(ended.file)[0]
    found = ready(small.HEADS, restart="model.ckpt-6.pt").trainer.state()
    assert expected.keys() == found.keys()
    assert all(np.array_equal(found[name], array) for name, array in expected.items())
