"""Checkpoints of DeePMD-kit's trainer hold the state of our own training, and written ones are like its own."""

from __future__ import annotations

import numpy as np
import pytest
from checkpoints_of_dp import RUNS, checkpoint, read, train, trainer
from references import DATA

import dpa2
from dpa2.errors import FormatError, InputError, UnsupportedModel
from dpa2.serialization import contents
from dpa2.serialization.budget import Budget, spending
from dpa2.serialization.formats.pytorch import unpickle
from dpa2.serialization.state.parameters import in_order, is_parameter, numbered
from dpa2.serialization.unpickling.archives import Archive
from dpa2.serialization.unpickling.tensors import names_of_torch
from dpa2.training.reference import ReferenceState, read_reference, write_reference
from dpa2.training.steps import OptimizerSettings

torch = pytest.importorskip("torch")
LIBRARIES = ["torch", pytest.param("jax", marks=pytest.mark.slow)]


def assert_same_state(found: dict, expected: dict) -> None:
    """The same names, and numbers to 1e-10; counts to the bit."""
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        limit = 0 if name.startswith("updates/") else 1e-10
        assert np.abs(found[name] - array).max() <= limit, name


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("run", RUNS)
def test_the_state_of_a_checkpoint_is_that_of_our_training_after_the_same_steps(run, library):
    training = trainer(run, read(run, 0, backend=library))
    train(run, training, slice(5))
    state = read(run, 5, backend=library).state
    assert_same_state(training.state(), state)
    assert all(np.asarray(array).any() for array in state.values()), "every number here says something"


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("run", RUNS)
def test_a_training_goes_on_from_a_checkpoint_as_the_reference_does(run, library):
    """Its restart repeats the index of the last step."""
    state = read(run, 5, backend=library)
    assert state.step == 4
    training = trainer(run, state)
    training.restore(state.state)
    train(run, training, slice(5, 8))
    assert_same_state(training.state(), read(run, 7, backend=library).state)


def test_settings_of_the_optimizer_are_those_of_the_script():
    single, multi = (read(run, 5) for run in RUNS)
    assert single.optimizer == OptimizerSettings(0.85, 0.99, 0.05, decoupled=True)
    assert multi.optimizer == OptimizerSettings(0.9, 0.999, 0.01)
    for state in single, multi:
        assert (state.start_rate, state.rate) == pytest.approx((0.005, 0.005 * 0.8**4), rel=1e-14)
    assert repr(single) == "ReferenceState(one model; step 4)"
    assert repr(multi) == "ReferenceState(sea, ice; step 4)"


def test_each_parameter_counts_its_own_steps():
    counts = {name: int(n) for name, n in read("multi", 5).state.items() if name.startswith("updates/")}
    found = {part: {n for name, n in counts.items() if part in name} for part in ("sea/fitting", "ice/fitting")}
    assert found == {"sea/fitting": {1}, "ice/fitting": {4}}
    assert counts["updates/sea/descriptor.repformer.layers.0.merge.weight"] == 5
    assert counts["updates/ice/descriptor.type_transform.weight"] == 4, "which is not shared"


def write(path, state: ReferenceState, decay: float | None = None, **changes):
    given = {"rate": state.rate, "start_rate": state.start_rate, "optimizer": state.optimizer, "average_decay": decay}
    write_reference(path, state.models, state.state, state.step, **(given | changes))
    return path


@pytest.mark.parametrize("library", ["torch", "jax"])
@pytest.mark.parametrize(("run", "decay"), [("single", 0.9), ("multi", None)])
def test_a_written_checkpoint_is_the_one_of_the_reference_tensor_by_tensor(run, decay, library, tmp_path):
    """Names in their order, numbers to the bit, shared memory, and the optimizer by its numbers."""
    pytest.importorskip(library)
    path = write(tmp_path / "model.pt", read(run, 5, backend=library), decay)
    ours, theirs = (torch.load(file, weights_only=True) for file in (path, checkpoint(run, 5)))
    assert ours.keys() == theirs.keys()
    (names, mine), (expected, known) = (flat(root["model"]) for root in (ours, theirs))
    assert names == expected
    assert all(torch.equal(mine[name], known[name]) for name in names)
    assert shared(mine) == shared(known)
    assert ours["model"]["_extra_state"]["train_infos"] == theirs["model"]["_extra_state"]["train_infos"]
    assert_same_optimizer(*(root["optimizer"] for root in (ours, theirs)))
    if decay is not None:
        averages = [root["ema"] for root in (ours, theirs)]
        assert averages[0]["decay"] == averages[1]["decay"]
        assert averages[0]["model"].keys() == averages[1]["model"].keys()
        assert all(torch.equal(x, averages[1]["model"][name]) for name, x in averages[0]["model"].items())


def flat(state: dict) -> tuple[list[str], dict]:
    """Names of tensors in their order, and the tensors."""
    tensors = {name: x for name, x in state.items() if name != "_extra_state"}
    return list(tensors), tensors


def shared(tensors: dict) -> set[frozenset]:
    """Groups of names whose tensors have the same memory."""
    places: dict = {}
    for name, x in tensors.items():
        if x.numel():
            places.setdefault((x.data_ptr(), x.shape), set()).add(name)
    return {frozenset(names) for names in places.values() if len(names) > 1}


def assert_same_optimizer(ours: dict, theirs: dict) -> None:
    (group,), (expected,) = ours["param_groups"], theirs["param_groups"]
    assert group | {"lr": 0.0} == expected | {"lr": 0.0}, "rates differ: theirs is already that of the next step"
    assert ours["state"].keys() == theirs["state"].keys()
    for number, entry in theirs["state"].items():
        assert ours["state"][number].keys() == entry.keys()
        for name, x in entry.items():
            found = ours["state"][number][name]
            assert (found.dtype, found.shape) == (x.dtype, x.shape)
            assert torch.equal(found, x)


@pytest.mark.parametrize("run", RUNS)
def test_a_written_checkpoint_reads_back_to_the_bit(run, tmp_path):
    state = read(run, 5)
    found = read_reference(write(tmp_path / "a.pt", state, 0.9 if run == "single" else None), average=run == "single")
    assert found.state.keys() == state.state.keys()
    assert all(np.array_equal(found.state[name], x) for name, x in state.state.items())
    assert (found.step, found.rate, found.start_rate, found.optimizer) == (
        state.step, state.rate, state.start_rate, state.optimizer,
    )  # fmt: skip
    again = write(tmp_path / "b.pt", found, 0.9 if run == "single" else None)
    assert again.read_bytes() == (tmp_path / "a.pt").read_bytes()


GENUINE = ("genuine/dpa2_3.0.0b2", "genuine/dpa2_3.0.0b4_float32", "genuine/dpa2_3.2.0_multitask_with_property")
GENUINE += tuple(f"samples/dpa2_tiny{kind}.trainer_checkpoint" for kind in ("", "_multitask", "_strip"))


@pytest.mark.parametrize("name", GENUINE)
def test_parameters_of_genuine_files_are_as_many_and_stand_in_the_order_in_which_they_are_written(name):
    archive = Archive((DATA / f"{name}.pt").read_bytes())
    root = unpickle(archive, archive.find("data.pkl"), names_of_torch)
    tensors = {name: x for name, x in root["model"].items() if name != "_extra_state"}
    count = len(root["optimizer"]["param_groups"][0]["params"])
    assert set(numbered(tensors).values()) == set(range(count))
    heads = {name.split(".")[1] for name in tensors}
    for head in heads:
        own = [name.partition("atomic_model.")[2] for name in tensors if name.startswith(f"model.{head}.atomic_model.")]
        parameters = [name for name in own if is_parameter(name)]
        assert in_order(parameters) == parameters
        assert in_order(reversed(parameters)) == parameters


def test_without_an_average_in_the_file_it_begins_at_the_weights():
    state = read_reference(checkpoint("multi", 5), average=True).state
    averages = {name: x for name, x in state.items() if name.startswith("average/")}
    assert averages
    assert all(np.array_equal(x, state[name.replace("average", "weights", 1)]) for name, x in averages.items())


def test_a_checkpoint_before_the_first_step_has_no_moments():
    state = read_reference(checkpoint("multi", 0)).state
    assert not any(np.asarray(x).any() for name, x in state.items() if not name.startswith("weights/"))


def altered(tmp_path, change, run: str = "single"):
    """A checkpoint of the reference after a change."""
    root = torch.load(checkpoint(run, 5), weights_only=True)
    change(root)
    torch.save(root, tmp_path / "altered.pt")
    return tmp_path / "altered.pt"


def entries(root) -> dict:
    return root["optimizer"]["state"]


def group(root) -> dict:
    return root["optimizer"]["param_groups"][0]


OTHERS = {
    "no optimizer": lambda root: root.pop("optimizer"),
    "momentum_buffer": lambda root: entries(root).update({0: {"momentum_buffer": torch.zeros(3)}}),
    "without `betas`": lambda root: group(root).pop("betas"),
    "2 groups": lambda root: root["optimizer"]["param_groups"].append({}),
    "amsgrad": lambda root: group(root).update(amsgrad=True),
    "with maximize": lambda root: group(root).update(maximize=torch.ones(2)),
    "that keeps 3": lambda root: entries(root).update({5: 3}),
    "eps": lambda root: group(root).update(eps=1e-7),
    "param_groups": lambda root: root.update(optimizer={"kalman": 1}),
}


@pytest.mark.parametrize("what", OTHERS)
def test_another_optimizer_is_refused_by_name(what, tmp_path):
    file = altered(tmp_path, OTHERS[what])
    with pytest.raises(UnsupportedModel, match=what) as caught:
        read_reference(file)
    assert caught.value.file == str(file)
    assert "--init-model" in str(caught.value)


DAMAGED = {
    "66 parameters": lambda root: group(root)["params"].append(99),
    "no parameters": lambda root: group(root).update(params=None),
    "not finite": lambda root: entries(root)[0]["exp_avg"].fill_(float("nan")),
    "must be": lambda root: entries(root)[0].update(exp_avg=torch.zeros(1)),
    "steps of": lambda root: entries(root)[0].update(step=torch.tensor(1.5)),
    "numbered from 0": lambda root: group(root)["params"].reverse(),
    "betas": lambda root: group(root).update(betas=(0.9, 2.0)),
    "weight_decay": lambda root: group(root).update(weight_decay="much"),
    "initial_lr": lambda root: group(root).update(initial_lr=-1.0),
    "initial_lr =": lambda root: group(root).update(initial_lr=torch.zeros(2)),
    "betas =": lambda root: group(root).update(betas=3),
    "steps of model": lambda root: entries(root)[0].update(step="many"),
    "is not a float|must be|missing": lambda root: entries(root)[0].update(exp_avg=[1.0]),
    "a learning rate": lambda root: root["model"]["_extra_state"].update(train_infos=torch.zeros(2)),
    "a step": lambda root: root["model"]["_extra_state"]["train_infos"].update(step=-1),
    "train_infos": lambda root: root["model"]["_extra_state"].update(train_infos={"step": "five"}),
    "moving average": lambda root: root.update(ema={"model": 3}),
    "is missing": lambda root: root["ema"]["model"].pop("atomic_model.descriptor.repformers.g2_embd.matrix"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_an_optimizer_that_does_not_fit_the_model_is_refused(what, tmp_path):
    file = altered(tmp_path, DAMAGED[what])
    with pytest.raises(FormatError, match=what) as caught:
        read_reference(file)
    assert caught.value.file == str(file)


def test_an_entry_without_a_number_is_no_ones(tmp_path):
    file = altered(tmp_path, lambda root: entries(root).update({None: entries(root)[0]}))
    found, expected = read_reference(file).state, read_reference(checkpoint("single", 5)).state
    assert all(np.array_equal(found[name], x) for name, x in expected.items())


def test_reading_an_optimizer_is_charged_once():
    """A large checkpoint has several times the arrays of its model, and must stay within the budget for its size."""
    found, budget = contents(checkpoint("single", 5)), Budget()
    config = found.model(None).config
    with spending(budget):
        progress = found.progress({None: config})
    arrays = [x for own in progress.adam.moments[None].values() for x in own[:2]] + [
        *progress.average.tensors[None].values()
    ]
    size = sum(x.nbytes for x in arrays)
    assert size <= budget.spent < 1.2 * size


def test_a_model_that_was_saved_alone_has_no_optimizer(tmp_path):
    state = torch.load(checkpoint("single", 5), weights_only=True)["model"]
    del state["_extra_state"]["train_infos"]
    torch.save(state, tmp_path / "bare.pt")
    assert dpa2.load(tmp_path / "bare.pt").type_map == ("O", "H")
    with pytest.raises(UnsupportedModel, match="no optimizer"):
        read_reference(tmp_path / "bare.pt")


def test_a_file_that_is_no_checkpoint_is_refused_by_name(tmp_path):
    for suffix in (".dp", ".safetensors"):
        dpa2.save(read("single", 5).models[""], tmp_path / f"model{suffix}")
        with pytest.raises(UnsupportedModel, match="no step and no optimizer"):
            read_reference(tmp_path / f"model{suffix}")


def test_moments_of_what_is_frozen_here_are_named(tmp_path):
    """DeePMD-kit 3.2.0 trains norms even if `trainable_ln` is off."""

    def frozen(root):
        root["model"]["_extra_state"]["model_params"]["descriptor"]["repformer"]["trainable_ln"] = False

    found = read_reference(altered(tmp_path, frozen))
    norm = "descriptor.repformer.layers.0.pair_attention.norm"
    assert found.not_trained == (f"{norm}.weight", f"{norm}.bias")
    assert not [name for name in found.state if norm in name]


def test_a_state_that_lacks_a_parameter_is_not_written(tmp_path):
    state = read("single", 5)
    name = "moment2/fitting.output.bias"
    rest = {key: x for key, x in state.state.items() if key != name}
    for broken in (rest, state.state | {name: np.zeros(7)}):
        with pytest.raises(InputError, match=name):
            write_reference(tmp_path / "a.pt", state.models, broken, 4, rate=1e-3, start_rate=1e-3)
    plain = {key: x for key, x in state.state.items() if not key.startswith("average/")}
    with pytest.raises(InputError, match="average/"):
        write_reference(tmp_path / "a.pt", state.models, plain, 4, rate=1e-3, start_rate=1e-3, average_decay=0.9)
    assert not list(tmp_path.iterdir())
