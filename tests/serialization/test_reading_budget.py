"""One budget for a reading: small files that ask for much are refused by name, and the limit can be raised."""

from __future__ import annotations

import json

import numpy as np
import pytest

import dpa2
from dpa2.errors import FormatError, InputError
from dpa2.neighbors.lists import CLOSEST
from dpa2.serialization.budget import BASE, VARIABLE, Budget, spending
from dpa2.serialization.contents import Contents
from dpa2.serialization.formats.yaml import read_yaml
from dpa2.serialization.settings.plain import as_json
from dpa2.serialization.tree.native_tree import checkpoint_to_tree, tree_to_checkpoint
from dpa2.serialization.unpickling.pickles import read_pickle
from dpa2.serialization.unpickling.tensors import names_of_numpy

STD = "descriptor.repinit.environment.std"


def test_the_error_says_the_limit_and_the_way_to_raise_it():
    with pytest.raises(FormatError, match=VARIABLE) as caught:
        Budget.of_file(10).spend(2 * BASE)
    assert caught.value.limit == BASE + 20
    assert caught.value.spent == 2 * BASE


def test_another_limit_can_be_set(monkeypatch):
    monkeypatch.setenv(VARIABLE, str(10 * BASE))
    Budget.of_file(10).spend(9 * BASE, steps=10**9)
    with pytest.raises(FormatError, match="800 MB"):
        Budget.of_file(10).spend(11 * BASE)
    monkeypatch.setenv(VARIABLE, "much")
    with pytest.raises(InputError, match=VARIABLE):
        Budget.of_file(10)


def test_a_sparse_file_is_refused_before_it_is_read(tmp_path):
    with open(tmp_path / "sparse.pt", "wb") as file:
        file.write(b"PK\x03\x04")
        file.truncate(64 * 2**30)
    with pytest.raises(FormatError, match="16000 MB"):
        dpa2.load(tmp_path / "sparse.pt")


def test_a_list_that_a_pickle_copies_again_and_again_is_refused():
    text = b"X\x01\x00\x00\x00a"
    again = b"cbuiltins\ntuple\nh\x01\x85R" * 4000
    program = b"\x80\x02](](" + text * 4000 + b"eq\x01" + again + b"e."
    with spending(Budget.of_file(len(program))), pytest.raises(FormatError, match="memory"):
        read_pickle(program, names_of_numpy)


def test_yaml_references_count_as_what_they_stand_for():
    text = "a: &a [" + "1, " * 10_000 + "]\nb: [" + "*a, " * 10_000 + "]"
    with spending(Budget.of_file(len(text))), pytest.raises(FormatError, match=r"more (memory|steps)"):
        read_yaml(text.encode())


def test_a_million_widths_are_refused():
    with pytest.raises(dpa2.errors.ConfigurationError, match="at most"):
        dpa2.config.Fitting(widths=(1,) * 1_000_000)


@pytest.mark.parametrize("text", ["!!int ''", "!!float ''", "!!bool x", "!!int _", "!!float '-'", "!!int 1:"])
def test_a_word_that_is_not_what_its_tag_says_is_refused(text):
    with pytest.raises(FormatError):
        read_yaml(f"model: {text}".encode())


@pytest.mark.parametrize(
    ("suffix", "twice"), [(".json", '{"model": {}, "model": {}}'), (".yaml", "model: {}\nmodel: {}")]
)
def test_a_key_that_occurs_twice_is_refused_by_name(suffix, twice, tmp_path):
    (tmp_path / f"twice{suffix}").write_text(twice)
    with pytest.raises(FormatError, match="'model' occurs twice") as caught:
        dpa2.load(tmp_path / f"twice{suffix}")
    assert caught.value.key == "model"


def with_number(tmp_path, name: str, value: float):
    """A file of the demo model with another first number in one tensor."""
    checkpoint = dpa2.load(dpa2.demo.MODEL).checkpoint()
    array = np.array(checkpoint.weights[name])
    array.flat[0] = value
    checkpoint.weights[name] = array
    dpa2.serialization.write(checkpoint, tmp_path / "wrong.dp")
    return tmp_path / "wrong.dp"


@pytest.mark.parametrize(
    ("name", "value"),
    [("bias", np.nan), ("fitting.layers.0.weight", np.inf), (STD, 0.0), (STD, 5e-324), (STD, np.inf)],
)
def test_weights_that_give_no_energy_are_refused_by_tensor_and_index(name, value, tmp_path):
    path = with_number(tmp_path, name, value)
    for use in (dpa2.load, lambda file: dpa2.convert(file, tmp_path / "new.json")):
        with pytest.raises(FormatError, match=name.replace(".", r"\.")) as caught:
            use(path)
        assert caught.value.tensor == name
        assert set(caught.value.index) == {0}
    assert not (tmp_path / "new.json").exists()
    assert dpa2.serialization.read(path).weights[name].shape  # to look at


@pytest.mark.parametrize("distance", [1e-10, 0.99 * CLOSEST])
def test_atoms_that_almost_coincide_are_refused_with_their_distance(distance):
    with pytest.raises(InputError, match="atoms 0 and 1 are") as caught:
        dpa2.load(dpa2.demo.MODEL).evaluate([[0, 0, 0], [0, 0, distance]], ["O", "H"])
    assert caught.value.distance == pytest.approx(distance)


@pytest.mark.parametrize("distance", [10**400, "1.0", True, None])
def test_a_smallest_distance_that_is_none_is_passed_over(distance):
    tree = checkpoint_to_tree(dpa2.load(dpa2.demo.MODEL).checkpoint())
    found = tree_to_checkpoint(tree | {"@variables": {}, "min_nbor_dist": distance})
    assert "min_distance" not in found.metadata


def test_heads_that_are_numbers_are_refused():
    with pytest.raises(FormatError, match="head 1"):
        Contents.of_script("x", {"model_dict": {1: {}}}, json.loads)


def test_settings_that_repeat_one_long_word_are_refused_before_they_are_written_out():
    with spending(Budget.of_file(1000)), pytest.raises(FormatError, match="more memory"):
        as_json({"comment": ["x" * 100_000] * 40_000}, "model_params")


def test_a_directory_that_is_no_model_is_refused_whatever_its_size(tmp_path, monkeypatch):
    (tmp_path / "thesis.txt").write_text("x" * 1000)
    monkeypatch.setenv("DPA2_READ_LIMIT", "10")
    with pytest.raises(FormatError, match="is a directory, but not one of a JAX model"):
        dpa2.load(tmp_path)
