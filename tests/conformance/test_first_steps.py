"""What is met in a first check of an implementation: half-written functions, own folders of vectors."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from golden import named

from dpa2.conformance.check import check, check_all
from dpa2.conformance.features import FEATURES, features, without
from dpa2.conformance.targets import ARGUMENTS, arguments, called, function
from dpa2.conformance.vectors import GOLDEN, read_folder, shipped
from dpa2.errors import FormatError, InputError

pytestmark = pytest.mark.filterwarnings("ignore::dpa2.TruncationWarning")  # some lists are cut on purpose

PROGRAM = {
    "nothing": "def evaluate(coordinates):\n    coordinates.sum()\n",
    "later": "def evaluate(coordinates):\n    raise NotImplementedError\n",
    "unknown": "def evaluate(atoms, cel, dtype='float64'):\n    return {}\n",
    "energies": "import dpa2\n\ndef evaluate(model, coordinates, types, cell, fparam, aparam):\n"
    "    system = dpa2.System(coordinates, types, cell, fparam, aparam)\n"
    "    found = dpa2.load(model).evaluate(system, neighbors='truncate')\n"
    "    return vars(found) | {'forces': -found.forces}\n",
}


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A function that writes a module of the user's, with a name of its own, and returns the name."""
    monkeypatch.chdir(tmp_path)

    def written(what: str) -> str:
        name = f"mine_{what}_{tmp_path.name}".replace("-", "_")
        (tmp_path / f"{name}.py").write_text(PROGRAM[what])
        return name

    return written


def test_a_function_without_return_is_told_so(mine, call):
    code, _, said = call("check", f"{mine('nothing')}:evaluate", "--only", "alone")
    assert code == 2
    assert re.sub(r"\s+", " ", said).count("returned nothing for any vector; is its `return` missing?")
    code, _, said = call("check", f"{mine('later')}:evaluate", "--only", "alone")
    assert "implements none of the vectors" in re.sub(r"\s+", " ", said)


def test_unknown_parameters_are_told_with_those_that_there_are(mine, call, tmp_path):
    code, _, said = call("check", f"{mine('unknown')}:evaluate")
    assert code == 2
    assert "takes no 'atoms'" in said
    assert all(name in said for name in ARGUMENTS)
    assert sorted(arguments(named("alone"), "float64", tmp_path)) == sorted(ARGUMENTS)


def test_a_function_may_be_named_by_its_file(mine):
    name = mine("nothing")
    assert function(f"{name}.py:evaluate")
    with pytest.raises(InputError, match="no module nobody"):
        function("nobody.py:evaluate")


def test_none_among_the_results_is_as_if_it_were_not_given(mine, call):
    vector = named("alone")
    report = check(vector, {"energy": vector.trace["energy"], "atom_virial": None})
    assert (report.given, report.divergence) == (1, None)
    _, out, _ = call("check", f"{mine('energies')}:evaluate", "--only", "triclinic", "--json")
    told = json.loads(out)
    assert told["vectors"][0]["first"]["name"] == "force"
    assert "atom_virial" not in told["vectors"][0]["errors"]


@pytest.mark.parametrize("name", ["repinit/sw", "repinit/env_mat", "descriptor", "fitting/net_out", "energy", "force"])
def test_axes_of_length_one_are_a_matter_of_taste(name):
    for vector in (named("triclinic"), named("alone"), named("tiny")):
        if name not in vector.trace:
            continue
        x = vector.trace[name]
        for axis in range(x.ndim + 1):
            assert not check(vector, {name: np.expand_dims(x, axis)}).divergence
        assert not check(vector, {name: x.squeeze()}).divergence
    vector = named("triclinic")
    assert check(vector, {name: np.expand_dims(vector.trace[name] + 1.0, -1)}).divergence


PLACES = {  # intermediate: index of the largest error, and how it is told
    "force": ((2, 1), "atom 2, y"),
    "energy": ((0,), ""),
    "atom_energy": ((3, 0), "atom 3"),
    "virial": ((5,), "yz"),
    "repinit/env_mat": ((1, 2, 0), "atom 1, neighbour 2, radial"),
    "repformer/layer0/h2": ((1, 2, 2), "atom 1, neighbour 2, z"),
    "descriptor": ((1, 4), "atom 1, channel 4"),
}


@pytest.mark.parametrize(("name", "index", "words"), [(n, *p) for n, p in PLACES.items()])
def test_components_are_told_as_x_y_z(name, index, words):
    vector = named("triclinic")
    wrong = vector.trace[name].copy()
    wrong[index] += 1e3
    finding = check(vector, {name: wrong}).divergence.finding
    assert finding.index == index
    assert finding.place == words


def test_vectors_without_a_feature_are_those_that_lack_it():
    whole = [*shipped(), *shipped(of_heads=True)]
    for name, (_, test) in FEATURES.items():
        left = without(whole, [name])
        assert 0 < len(left) < len(whole)
        assert not any(test(vector) for vector in left)
    assert without(shipped(), []) == list(shipped())
    with pytest.raises(InputError, match="did you mean 'excluded_pairs'"):
        without(shipped(), ["excluded_pair"])
    with pytest.raises(InputError, match="every vector has"):
        without(shipped(), ["strip", "concat"])


def test_a_program_that_lacks_features_is_checked_without_them(mine, call):
    words = ("--without", "fparam", "--without", "aparam", "--json")
    _, out, _ = call("check", f"{mine('energies')}:evaluate", "--only", "1", *words)
    told = json.loads(out)
    known = {vector.name: features(vector) for vector in shipped()}
    assert told["vectors"]
    assert not [v for v in told["vectors"] if {"fparam", "aparam"} & set(v["features"])]
    assert all(tuple(v["features"]) == known[v["name"]] for v in told["vectors"])


def test_vectors_that_agree_are_listed_only_on_request(mine, call):
    name = mine("energies")
    (right,) = [v.name for v in shipped() if "alone" in v.name][:1]
    code, out, _ = call("check", f"{name}:evaluate", "--only", right)
    assert code == 0
    assert right not in out
    code, out, _ = call("check", f"{name}:evaluate", "--only", right, "--all")
    assert right in out


def test_a_folder_with_other_vectors_is_not_mixed_with_these(call, tmp_path):
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "mine.safetensors").write_bytes((GOLDEN / f"{shipped()[0].name}.safetensors").read_bytes())
    code, _, said = call("vectors", tmp_path / "v")
    assert code == 2
    assert "has other vectors" in re.sub(r"\s+", " ", said)
    assert not (tmp_path / "v" / "DIGEST").exists()
    assert call("vectors", tmp_path / "new")[0] == 0
    assert call("vectors", tmp_path / "new")[0] == 0  # the same ones again
    assert len(read_folder(tmp_path / "new")) == len(shipped())


def test_vectors_that_do_not_fit_their_digest_are_refused(call, tmp_path):
    assert call("vectors", tmp_path)[0] == 0
    (tmp_path / f"{shipped()[3].name}.safetensors").unlink()
    with pytest.raises(FormatError, match="delete DIGEST"):
        read_folder(tmp_path)
    (tmp_path / "DIGEST").unlink()
    assert len(read_folder(tmp_path)) == len(shipped()) - 1


SUITE = """
from dpa2.conformance import Conformance

class TestMine(Conformance):
    def evaluate(self, energy=None, **given):
        return {"energy": [1.0]}
"""


def test_the_summary_of_pytest_has_the_first_divergence(tmp_path):
    (tmp_path / "test_mine.py").write_text(SUITE)
    words = [sys.executable, "-m", "pytest", "-q", "-k", "alone", "-p", "no:cacheprovider", "test_mine.py"]
    done = subprocess.run(words, cwd=tmp_path, env=os.environ | {"COLUMNS": "200"}, capture_output=True, text=True)
    summary = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert summary
    assert all("first divergence: energy of" in line for line in summary)


def test_a_target_that_is_never_called_with_unknown_names():
    with pytest.raises(InputError, match="takes no 'x'"):
        called(lambda x: {}, "own")
    assert check_all(called(lambda *, coordinates, mine=3, **more: {"energy": [0.0]}, "own"), [named("alone")])
