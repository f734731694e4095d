"""Fine-tuning: every row of the table of branches, other types, and files that do not fit."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from references import DATA
from starting import LITTLE, NET, common, of_reference, same, samples, several, single
from training_data import TRAINING

import dpa2
from dpa2 import testing
from dpa2.errors import InputError
from dpa2.serialization import config_to_script
from dpa2.training.start import finetuned, fresh, with_data

FOLDER = DATA / "training_start"
CASES = json.loads((FOLDER / "finetune_cases.json").read_text())  # by DeePMD-kit 3.2.0
BRANCHES = json.loads((FOLDER / "branches.json").read_text())  # by DeePMD-kit 3.2.0
TWO = DATA / "samples" / "dpa2_tiny_multitask.trainer_checkpoint.pt"
HEADS = ("water_1", "water_2")


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A file of one model for the scripts of `starting`."""
    file = tmp_path_factory.mktemp("pretrained") / "alone.dp"
    dpa2.save(testing.perturbed_model(single().config(), seed=1), file)
    return file


@pytest.fixture(scope="module")
def parts():
    """The settings of the heads of the file with two, as parts of a script."""
    section = config_to_script(dpa2.load(TWO, head="water_1").config)
    return {key: section[key] | {"seed": 3} for key in ("descriptor", "fitting_net")}


def rest(model: dpa2.Model) -> set[str]:
    """The names of all tensors but those of the descriptor."""
    return {name for name in model.state_dict() if not name.startswith("descriptor.")}


@pytest.mark.parametrize("name", CASES)
def test_models_begin_as_those_of_the_reference(name):
    case, pretrained = CASES[name], TRAINING / "allterms_adamw" / "initial.dp"
    script = of_reference("allterms_adamw", "mixC", batch_size=3, type_map=case["type_map"])
    found = with_data(finetuned(script, pretrained, case["branch"] or None), samples(script))[""]
    np.testing.assert_allclose(found.weights.bias, case["out_bias"], rtol=1e-12)
    np.testing.assert_allclose(found.weights.deviation, case["out_std"], rtol=1e-11)
    given = dpa2.load(pretrained)
    changed = set(given.state_dict()) - same(given, found)
    sections = {name.partition(".")[0] for name in changed}
    assert sections == {"change": {"bias", "deviation"}}.get(name, sections)
    if name == "random":
        assert "descriptor" not in sections
        assert {n for n in changed if n.startswith("fitting.")} == {
            n for n in rest(given) if n.startswith("fitting.")
        } - {"fitting.bias"}


def test_a_model_alone_is_taken_whole_and_its_bias_changed(alone):
    script = single()
    start = finetuned(script, alone)
    given = dpa2.load(alone)
    assert same(given, start.models[""]) == set(given.state_dict())
    found = with_data(start, samples(script))[""]
    assert set(given.state_dict()) - same(given, found) == {"bias", "deviation"}
    errors = [frame.energy - found.evaluate(frame).energy for frame in samples(script)[""]()]
    counts = np.array([np.bincount(frame.system.types, minlength=2) for frame in samples(script)[""]()])
    assert np.abs(counts.T @ np.array(errors)).max() < 1e-9, "nothing is left that a bias of the types could take off"
    again = with_data(finetuned(script, alone, "Default"), samples(script))[""]
    assert same(again, found) == set(given.state_dict())


@pytest.mark.parametrize("asked", ["branch", "script"])
def test_a_random_branch_of_a_model_alone_takes_its_descriptor(alone, asked):
    script = single({"finetune_head": "RANDOM"} if asked == "script" else None)
    start = finetuned(script, alone, "RANDOM" if asked == "branch" else None)
    given, new, found = dpa2.load(alone), fresh(script).models[""], start.models[""]
    assert same(given, found) == set(given.state_dict()) - rest(given)
    assert same(new, found) >= rest(given)
    frames = samples(script)[""]()
    expected = dpa2.fit_output_bias(found, frames)
    np.testing.assert_array_equal(with_data(start, samples(script))[""].weights.bias, expected.weights.bias)


@pytest.mark.parametrize("branch", [None, "RANDOM"])
def test_without_a_name_the_first_descriptor_of_several_is_taken(parts, branch):
    script = single(parts)
    found, (first, _) = finetuned(script, TWO, branch), (dpa2.load(TWO, head=head) for head in HEADS)
    assert same(first, found.models[""]) >= set(first.state_dict()) - rest(first)
    assert same(fresh(script).models[""], found.models[""]) >= rest(first)
    assert (found.from_data[""].bias, found.from_data[""].parameters) == ("set", True)


@pytest.mark.parametrize("asked", ["branch", "script", "file"])
def test_a_named_branch_of_several_is_taken_whole(parts, asked):
    script = single(parts | ({"finetune_head": "water_2"} if asked == "script" else {"finetune_head": "water_1"}))
    found = finetuned(script, f"{TWO}#water_2" if asked == "file" else TWO, "water_2" if asked == "branch" else None)
    given = dpa2.load(TWO, head="water_2")
    assert same(given, found.models[""]) == set(given.state_dict())
    assert (found.from_data[""].bias, found.from_data[""].parameters) == ("change", False)


REFERENCE = {"branch": (["O", "H"], "water_2"), "first": (["O", "H"], None), "new_type": (["H", "C", "O"], "water_2")}


@pytest.mark.parametrize("name", REFERENCE)
def test_biases_from_a_branch_of_several_are_those_of_the_reference(parts, name):
    types, branch = REFERENCE[name]
    script = single(parts | {"type_map": types}, "mixC")
    assert_biases(with_data(finetuned(script, TWO, branch), samples(script)), BRANCHES[name])


def assert_biases(models: dict[str, dpa2.Model], theirs: dict):
    for head, model in models.items():
        np.testing.assert_allclose(model.weights.bias, theirs[head]["bias"], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(model.weights.deviation, theirs[head]["deviation"], rtol=1e-10)


def test_several_heads_begin_each_with_its_own(parts):
    sections = {
        "water_2": {},
        "x": {"finetune_head": "water_2", "data": "mixC"},
        "y": {"data": "mixC"},
        "z": {"finetune_head": "RANDOM", "data": "sysA"},
    }
    script = several({name: {"fitting_net": parts["fitting_net"]} | own for name, own in sections.items()},
                     {"shared_dict": {"types": ["O", "H"], "d": parts["descriptor"]}})  # fmt: skip
    start = finetuned(script, TWO)
    assert {head: plan.bias for head, plan in start.from_data.items()} == {
        "water_2": "keep", "x": "change", "y": "set", "z": "set"
    }  # fmt: skip
    assert_biases(with_data(start, samples(script)), BRANCHES["heads"])
    given, models = {head: dpa2.load(TWO, head=head) for head in HEADS}, with_data(start, samples(script))
    assert same(given["water_2"], models["water_2"]) == set(given["water_2"].state_dict()), "it goes on"
    assert rest(given["water_2"]) - same(given["water_2"], models["x"]) == {"bias", "deviation"}
    unshared = "descriptor.type_transform.weight"  # each head has its own
    for head, first in (("water_2", "water_2"), ("x", "water_2"), ("y", "water_1"), ("z", "water_1")):
        assert unshared in same(given[first], models[head])
    descriptor = {name for name in given["water_1"].state_dict() if name.startswith("descriptor.")} - {unshared}
    for head in ("x", "y", "z"):
        assert common(models["water_2"], models[head]) == descriptor
    drawn = fresh(script).models
    for head in ("y", "z"):
        expected = dpa2.fit_output_bias(models[head], samples(script)[head]()).weights.bias
        np.testing.assert_array_equal(models[head].weights.bias, expected)
        assert "fitting.output.weight" in same(drawn[head], models[head])


def test_several_heads_can_begin_with_a_model_alone(alone):
    script = several({"Default": {}, "named": {"finetune_head": "Default"}, "new": {}})
    start = finetuned(script, alone)
    assert {head: plan.bias for head, plan in start.from_data.items()} == {
        "Default": "keep", "named": "change", "new": "set"
    }  # fmt: skip
    given = dpa2.load(alone)
    for head in ("Default", "named"):
        assert same(given, start.models[head]) == set(given.state_dict())
    assert "fitting.output.weight" not in same(given, start.models["new"])


WRONG = {
    "no head of several": (TWO, "water_3", r"branch = 'water_3' is no head.*mean 'water_.'.*water_1, water_2, RANDOM"),
    "a head of one": (None, "water", r"branch = 'water': the file holds one model without heads"),
}


@pytest.mark.parametrize(("file", "branch", "message"), WRONG.values(), ids=WRONG)
def test_branches_that_there_are_not_are_refused(alone, parts, file, branch, message):
    with pytest.raises(InputError, match=message):
        finetuned(single(parts if file else None), file or alone, branch)
    with pytest.raises(InputError, match=message):
        finetuned(single((parts if file else {}) | {"finetune_head": branch}), file or alone)


def test_one_branch_for_several_heads_is_refused(alone):
    with pytest.raises(InputError, match=r"several heads; give each head its own, as finetune_head"):
        finetuned(several({"a": {}, "b": {}}), alone, "RANDOM")


def test_a_file_that_does_not_fit_is_refused_with_the_settings_that_differ(alone):
    wider = {"descriptor": LITTLE | {"repinit": LITTLE["repinit"] | {"neuron": [3, 6]}}}
    message = r"alone\.dp: does not fit the script: tensor descriptor\.\S+ has shape .* there and .* in the model; "
    with pytest.raises(InputError, match=message + r"settings that differ: repinit\.widths = \(2, 4\) there, \(3, 6\)"):
        finetuned(single(wider), alone)
    deeper = {"descriptor": LITTLE | {"repformer": LITTLE["repformer"] | {"nlayers": 2}}}
    with pytest.raises(InputError, match=r"repformer\.layers\.0\.\S+ is missing there") as caught:
        finetuned(single(deeper), alone)
    assert caught.value.tensor.startswith("descriptor.repformer.layers.0.pair"), "which the last layer does not have"
    with pytest.warns(UserWarning, match=r"repformer\.layers = 1 there, 2 in the script"):
        forced = finetuned(single(deeper), alone, force=True).models[""]
    given, new = dpa2.load(alone), fresh(single(deeper)).models[""]
    assert {n for n, x in given.state_dict().items() if np.array_equal(x, forced.state_dict()[n])} == set(
        given.state_dict()
    )
    layer = {n for n in new.state_dict() if n.startswith("descriptor.repformer.layers.1.")}
    assert layer
    assert layer <= same(new, forced)


def test_a_fitting_net_that_is_new_need_not_fit(alone):
    script = single({"fitting_net": {"neuron": [3], "numb_fparam": 1}})
    with pytest.raises(InputError, match=r"tensor fitting\."):
        finetuned(script, alone)
    assert finetuned(script, alone, "RANDOM").models[""].config.fitting.widths == (3,)


def test_settings_of_the_script_hold_and_a_warning_says_so(alone):
    other = {"descriptor": LITTLE | {"repinit": LITTLE["repinit"] | {"nsel": 40, "activation_function": "gelu"}}}
    with pytest.warns(UserWarning, match=r"max_neighbors = 30 there, 40 in.*activation = 'tanh' there, 'gelu' in"):
        found = finetuned(single(other), alone).models[""]
    assert (found.config.repinit.max_neighbors, found.config.repinit.activation) == (40, "gelu")


def test_other_kinds_of_models_give_their_descriptor_alone(tmp_path):
    config = dataclasses.replace(
        single().config(), fitting=dpa2.config.Fitting(widths=(5, 5), dos=dpa2.config.Dos(components=1))
    )
    dpa2.save(testing.perturbed_model(config), tmp_path / "dos.dp")
    with pytest.raises(InputError, match="predicts densities of states, not energies; the branch RANDOM"):
        finetuned(single(), tmp_path / "dos.dp")
    found = finetuned(single(), tmp_path / "dos.dp", "RANDOM").models[""]
    given = dpa2.load(tmp_path / "dos.dp").state_dict()
    assert all(np.array_equal(given[n], x) for n, x in found.state_dict().items() if n.startswith("descriptor."))


def test_a_branch_can_be_called_by_another_name(tmp_path, parts):
    torch = pytest.importorskip("torch")
    content = torch.load(TWO, weights_only=True)
    content["model"]["_extra_state"]["model_params"]["model_dict"]["water_2"]["model_branch_alias"] = ["ice", "snow"]
    torch.save(content, tmp_path / "named.pt")
    found = finetuned(single(parts), tmp_path / "named.pt", "snow")
    given = dpa2.load(TWO, head="water_2")
    assert same(given, found.models[""]) == set(given.state_dict())
    with pytest.raises(InputError, match="other names: ice, snow"):
        finetuned(single(parts), tmp_path / "named.pt", "rain")


def test_the_case_of_a_branch_comes_with_it_and_a_warning_says_what_is_the_same(tmp_path):
    net = NET | {"dim_case_embd": 2}
    model = testing.perturbed_model(single({"fitting_net": net}).config(), seed=1)
    dpa2.save(model, tmp_path / "case.dp")
    case = model.weights.fitting.case
    assert case.any()
    links = {"shared_dict": {"types": ["O", "H"], "d": LITTLE, "f": net}}
    heads = {name: {"fitting_net": "f", "finetune_head": "Default"} for name in "ab"}
    with pytest.warns(UserWarning, match="the heads a and b share their fitting net and have the same case"):
        found = finetuned(several(heads, links), tmp_path / "case.dp").models
    for one in found.values():
        np.testing.assert_array_equal(one.weights.fitting.case, case)
    apart = finetuned(several(heads | {"b": {"fitting_net": "f"}}, links), tmp_path / "case.dp").models
    np.testing.assert_array_equal(apart["b"].weights.fitting.case, [0, 1])
    plain = {"shared_dict": {"types": ["O", "H"], "d": LITTLE, "f": NET}}
    dpa2.save(testing.perturbed_model(single().config(), seed=1), tmp_path / "plain.dp")
    finetuned(several(heads, plain), tmp_path / "plain.dp")  # without cases, and without a warning


def test_without_energies_the_bias_stays(alone):
    script = single()
    frames = [dataclasses.replace(frame, energy=None) for frame in samples(script)[""]()]
    found = with_data(finetuned(script, alone), {"": lambda: frames})[""]
    assert same(found, dpa2.load(alone)) == set(found.state_dict())


def test_heads_that_share_a_descriptor_take_one_and_a_warning_says_so(tmp_path, parts):
    torch = pytest.importorskip("torch")
    content = torch.load(TWO, weights_only=True)
    name = next(n for n in content["model"] if "water_2" in n and n.endswith("g1_shape_tranform.matrix"))
    content["model"][name] = content["model"][name] + 1.0
    torch.save(content, tmp_path / "apart.pt")
    two = {
        own: {"finetune_head": theirs, "fitting_net": parts["fitting_net"]}
        for own, theirs in zip("ab", HEADS, strict=True)
    }
    script = several(two, {"shared_dict": {"types": ["O", "H"], "d": parts["descriptor"]}})
    finetuned(script, TWO)  # without a warning, which would be an error
    with pytest.warns(UserWarning, match="the heads a and b, which share a descriptor, .* that of a is taken"):
        found = finetuned(script, tmp_path / "apart.pt").models
    expected = dpa2.load(TWO, head="water_1").weights.descriptor.shape_transform.weight
    assert found["b"].weights.descriptor.shape_transform.weight is found["a"].weights.descriptor.shape_transform.weight
    np.testing.assert_array_equal(found["a"].weights.descriptor.shape_transform.weight, expected)
