"""The golden vectors of heads beside the energy: what they hold, how a check uses them, how a test class does."""

from __future__ import annotations

import json

import pytest
from tolerances import assert_close

import dpa2
from dpa2.config import HEADS as KINDS
from dpa2.conformance import Conformance
from dpa2.conformance.check import check_all, earliest
from dpa2.conformance.features import features, without
from dpa2.conformance.models import HEADS
from dpa2.conformance.vectors import HEADS as FOLDER
from dpa2.conformance.vectors import evaluated, made, read_folder, shipped, shipped_files

pytestmark = pytest.mark.filterwarnings("ignore::dpa2.TruncationWarning")  # one vector is of lists that are cut


def right(vector, dtype):
    return evaluated(vector.model_in(dtype), vector.system)


def test_every_kind_has_a_vector_with_its_values_and_their_derivatives():
    assert {vector.config.kind for vector in shipped(of_heads=True)} == set(KINDS)
    assert len(shipped(of_heads=True)) == len(HEADS)
    for vector in shipped(of_heads=True):
        kind = vector.config.kind
        assert {f"atom_{kind}", kind, "gradient", "repformer/rot_mat"} <= vector.trace.keys() == vector.trace32.keys()
        assert vector.trace["gradient"].shape == (len(vector.system.types), 3, vector.trace[kind].size)
        assert kind in features(vector)
    assert sum(map(len, shipped_files(of_heads=True).values())) < 1e6


def test_shipped_vectors_of_heads_are_what_the_reference_computes():
    assert len(read_folder(FOLDER)) == len(HEADS)  # with a digest that fits
    order = sorted(made(of_heads=True), key=lambda vector: f"{vector.name}.safetensors")
    for kept, fresh in zip(shipped(of_heads=True), order, strict=True):
        assert (kept.name, kept.config) == (fresh.name, fresh.config)
        for name, array in fresh.trace.items():
            assert_close("libraries", kept.trace[name], array, f"{kept.name} {name}")
        for name, array in fresh.trace32.items():
            assert_close("single precision", kept.trace32[name], array, f"{kept.name} {name}")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_right_implementation_agrees(dtype):
    reports = check_all(right, shipped(of_heads=True), (dtype,))
    assert earliest(reports) is None
    assert all(report.given > 30 for report in reports)


def test_a_wrong_derivative_is_found_and_its_sign_told():
    def target(vector, dtype):
        found = right(vector, dtype)
        return found | {"gradient": -found["gradient"]}

    reports = check_all(target, without(shipped(of_heads=True), ["property"]))
    assert {report.divergence.finding.name for report in reports} == {"gradient"}
    assert any("-1" in relation.words for report in reports for relation in report.relations)


def test_the_reference_s_names_are_understood():
    def target(vector, dtype):
        found = right(vector, dtype)
        return {"global_polar": found["polarizability"].reshape(3, 3), "polar": found["atom_polarizability"]}

    vectors = [v for v in shipped(of_heads=True) if v.config.kind == "polarizability"]
    assert [report.given for report in check_all(target, vectors)] == [2, 2]
    assert earliest(check_all(target, vectors)) is None


def test_the_command_checks_heads_only_where_it_is_asked_to(call, tmp_path, monkeypatch):
    (tmp_path / "mine_with_heads.py").write_text("""
import dpa2
def right(model, coordinates, types, cell):
    return dpa2.trace(dpa2.load(model), coordinates, types, cell, neighbors="truncate")
""")
    monkeypatch.chdir(tmp_path)
    code, out, told = call("check", "mine_with_heads:right", "--heads", "--json")
    assert code == 0, told
    names = {one["name"] for one in json.loads(out)["vectors"]}
    assert names == {vector.name for vector in shipped(of_heads=True)}
    code, out, _ = call("vectors", tmp_path / "v", "--heads", "--json")
    assert set(json.loads(out)["files"]) == set(shipped_files(of_heads=True))


class TestOfDipoles(Conformance):
    """A test class that implements energies and dipoles: vectors of other kinds are skipped."""

    kinds = ("dipole",)

    def evaluate(self, model, coordinates, types, cell):
        out = dpa2.load(model).evaluate(coordinates, types, cell, neighbors="truncate")
        return {"dipole": out.dipole, "atom_dipole": out.atom_dipole}
