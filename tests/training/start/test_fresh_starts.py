"""Trainings that start with random weights."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from references import DATA
from starting import LITTLE, NET, common, of_reference, same, samples, several, single
from training_data import FOLDERS, TRAINING

import dpa2
from dpa2.errors import ConfigurationError, InputError
from dpa2.training.start import fresh, with_data

BRANCHES = json.loads((DATA / "training_start" / "branches.json").read_text())  # by DeePMD-kit 3.2.0
BLOCKS = ("repinit", "three_body", "repformer")


def assert_statistics(found: dpa2.Model, expected: dpa2.Model):
    for name, array in expected.state_dict().items():
        if ".environment." in name or name in ("bias", "deviation"):
            np.testing.assert_allclose(found.state_dict()[name], array, rtol=1e-11, atol=1e-15, err_msg=name)


def test_statistics_and_bias_are_those_of_the_references_start():
    script = of_reference("allterms_adamw")
    found = with_data(fresh(script), samples(script))
    assert_statistics(found[""], dpa2.load(TRAINING / "allterms_adamw" / "initial.dp"))


def test_heads_that_share_a_descriptor_share_its_statistics_and_have_their_own_bias():
    script = of_reference("multitask")
    found = with_data(fresh(script), samples(script))
    assert_statistics(found["h1"], dpa2.load(TRAINING / "multitask" / "initial.h1.dp"))
    assert common(found["h1"], found["h2"]) == {n for n in found["h1"].state_dict() if n.startswith("descriptor.")}
    assert not np.array_equal(found["h1"].weights.bias, found["h2"].weights.bias)
    alone = with_data(dataclasses.replace(fresh(script), links=()), samples(script))
    assert not same(alone["h1"], found["h1"]) >= {f"descriptor.{block}.environment.std" for block in BLOCKS}


def test_weights_follow_from_the_seeds_of_the_parts():
    model = dpa2.build(single().config(), seed=3)
    found = fresh(single({"fitting_net": NET | {"seed": 3}})).models[""]
    assert same(found, model) == set(model.state_dict())
    other = fresh(single({"fitting_net": NET | {"seed": 5}})).models[""]
    kept = {n for n in same(found, other) if n.startswith("descriptor.")}
    assert kept == {n for n in model.state_dict() if n.startswith("descriptor.")}
    assert "fitting.output.weight" not in same(found, other)


def test_without_seeds_of_the_parts_weights_follow_from_that_of_the_training():
    plain = {"descriptor": {k: v for k, v in LITTLE.items() if k != "seed"}, "fitting_net": {"neuron": [5, 5]}}
    one, again, other = (fresh(single(plain, seed=seed)).models[""] for seed in (1, 1, 2))
    assert same(one, again) == set(one.state_dict())
    drawn = {"descriptor.type_embedding.weight", "fitting.output.weight"}
    assert not drawn & same(one, other)
    unlike = [fresh(single(plain)).models[""] for _ in range(2)]
    assert not drawn & same(*unlike)
    heads = fresh(several({"a": {"fitting_net": {"neuron": [5, 5]}}, "b": {"fitting_net": {"neuron": [5, 5]}}}, seed=1))
    assert "fitting.output.weight" not in same(*heads.models.values())


@pytest.mark.parametrize("bad", [-1, "one", True])
def test_a_seed_that_is_none_is_refused(bad):
    with pytest.raises(ConfigurationError, match=r"model\.fitting_net\.seed"):
        fresh(single({"fitting_net": NET | {"seed": bad}}))


def test_a_level_says_how_much_of_a_descriptor_is_shared():
    extra = {"shared_dict": {"types": ["O", "H"], "d": LITTLE | {"add_tebd_to_repinit_out": True}}}
    given = several({"a": {"descriptor": "d:1"}, "b": {}, "c": {"descriptor": "d:0"}}, extra)
    (link,) = given.links
    assert (link.base, link.whole) == ("b", ("b", "c"))
    found = with_data(fresh(given), samples(given))
    whole = {n for n in found["b"].state_dict() if n.startswith("descriptor.")} - {"descriptor.type_transform.weight"}
    assert common(found["b"], found["c"]) == whole
    assert common(found["a"], found["b"]) == {"descriptor.type_embedding.weight"}


def test_a_shared_fitting_net_differs_by_bias_and_case():
    net = NET | {"dim_case_embd": 3, "numb_fparam": 1}
    model = {"shared_dict": {"types": ["O", "H"], "d": LITTLE, "f": net}}
    given = several({name: {"fitting_net": "f"} for name in ("sea", "ice", "air")}, model)
    found = fresh(given).models
    apart = {"bias", "deviation", "fitting.bias", "fitting.case"}
    assert common(found["sea"], found["air"]) == set(found["sea"].state_dict()) - apart
    assert {name: model.weights.fitting.case.tolist() for name, model in found.items()} == {
        "air": [1, 0, 0], "ice": [0, 1, 0], "sea": [0, 0, 1]
    }  # fmt: skip


def with_drawn_parameters(place: Path, name: str, seed: int) -> str:
    """A copy of a data folder with two frame parameters and one atomic parameter."""
    shutil.copytree(FOLDERS[name], place / name)
    generator = np.random.default_rng(seed)
    for folder in sorted((place / name).glob("set.*"), reverse=True):
        count, numbers = np.load(folder / "coord.npy").shape
        np.save(folder / "fparam.npy", generator.normal(seed, 0.5 * seed, (count, 2)))
        np.save(folder / "aparam.npy", generator.normal(-seed, 0.3 * seed, (count, numbers // 3)))
    return str(place / name)


def heads_with_parameters(tmp_path: Path, options: dict):
    net = NET | {"numb_fparam": 2, "numb_aparam": 1}
    model = {"shared_dict": {"types": ["O", "H"], "d": LITTLE, "f": net}}
    folders = {
        head: with_drawn_parameters(tmp_path, *own) for head, own in {"b": ("sysB", 1), "a": ("sysA", 2)}.items()
    }
    heads = {head: {"fitting_net": "f", "options": own} for head, own in options.items()}
    given = several(heads, model)
    systems = (dataclasses.replace(t.training_data, systems=[folders[t.head]]) for t in given.tasks)
    return dataclasses.replace(
        given, tasks=tuple(dataclasses.replace(t, training_data=s) for t, s in zip(given.tasks, systems, strict=True))
    )


def test_shared_parameters_have_statistics_weighted_by_the_probabilities(tmp_path):
    files = {head: {"stat_file": str(tmp_path / f"{head}.h5")} for head in ("b", "a")}
    given = heads_with_parameters(tmp_path, files)
    with pytest.raises(InputError, match="the heads b, a share statistics of parameters; give the probability"):
        with_data(fresh(given), samples(given))
    for source in (samples(given), dict.fromkeys("ab", never)):  # the second time from the files
        found = with_data(fresh(given), source, {"a": 0.75, "b": 0.25})
        for model in found.values():
            for name, theirs in BRANCHES["parameters"].items():
                np.testing.assert_allclose(model.state_dict()[name], theirs, rtol=1e-12, err_msg=name)
        assert "fitting.frame_mean" in common(*found.values())


def never():
    raise AssertionError("data were asked for")


def test_nothing_to_take_statistics_from_is_refused():
    with pytest.raises(InputError, match="there are no frames"):
        with_data(fresh(single()), {"": list})


@pytest.mark.parametrize(("preset", "bias"), [(None, [0.0, 0.0]), ([None, -3.0], [0.0, -3.0])])
def test_without_energies_there_is_no_bias(preset, bias):
    """As of DeePMD-kit 3.2.0 for data with forces alone."""
    given = single({"preset_out_bias": {"energy": preset}} if preset else None)
    frames = [dataclasses.replace(frame, energy=None) for frame in samples(given)[""]()]
    found = with_data(fresh(given), {"": lambda: frames})[""]
    np.testing.assert_array_equal(found.weights.bias, bias)
    np.testing.assert_array_equal(found.weights.deviation, [1.0, 1.0])
    assert not (found.weights.descriptor.repinit.environment.std == 1.0).any()


REFUSED = {
    "level": ({"a": {"descriptor": "d:2"}, "b": {}}, {}, r"model_dict\.a\.descriptor = 'd:2'.*0 and 1"),
    "no level": ({"a": {"descriptor": "d:x"}, "b": {}}, {}, "d:x"),
    "level of a net": ({"a": {"fitting_net": "f:1"}, "b": {}}, {}, r"model_dict\.a\.fitting_net = 'f:1'"),
    "maps": ({"a": {"type_map": ["O", "H"]}, "b": {}}, {}, r"model_dict\.a\.type_map.*the same for all heads"),
    "cases": (
        {"a": {"fitting_net": NET | {"dim_case_embd": 2}}, "b": {}}, {},
        r"model_dict\.b\.fitting_net\.dim_case_embd = 0.*the same in all heads",
    ),
    "few cases": (
        {name: {"fitting_net": NET | {"dim_case_embd": 1}} for name in "ab"}, {},
        r"model_dict\.a\.fitting_net\.dim_case_embd = 1.*at least 2",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("heads", "model", "message"), REFUSED.values(), ids=REFUSED)
def test_links_that_there_are_not_are_refused(heads, model, message):
    with pytest.raises(ConfigurationError, match=message):
        several(heads, model)
