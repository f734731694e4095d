"""The commands serve models of every kind, and say by name where a kind has no place."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from heads import HEADS, ONE_OF_EACH, expected, sample
from tolerances import assert_close

import dpa2
from dpa2 import config

LABELS = {"property_excluded": "band_prop", "dos": "dos", "drawn_dipole": "dipole", "drawn_polar": "polarizability",
          "drawn_polar_diagonal": "polarizability"}  # fmt: skip


@pytest.fixture
def labelled(tmp_path):
    """A function that writes two frames of a sample with labels, the second of which are 0.5 too large."""

    def write(stem: str):
        structure, numbers = sample(stem)
        value = next(iter(expected(dpa2.load(HEADS / f"{stem}.dp"), numbers).values())).ravel()
        folder = tmp_path / stem / "set.000"
        folder.mkdir(parents=True)
        np.save(folder / "coord.npy", np.tile(structure["coordinates"].ravel(), (2, 1)))
        np.save(folder / "box.npy", np.tile(structure["cell"].ravel(), (2, 1)))
        np.save(folder / f"{LABELS[stem]}.npy", np.stack([value, value + 0.5]))
        np.savetxt(folder.parent / "type.raw", structure["types"], fmt="%d")
        (folder.parent / "type_map.raw").write_text("O H")
        return folder.parent

    return write


@pytest.mark.parametrize("stem", ONE_OF_EACH)
def test_eval_gives_values_and_their_errors_against_labels(stem, call, labelled, tmp_path):
    folder, name = labelled(stem), LABELS[stem]
    code, out, _ = call("eval", HEADS / f"{stem}.dp", folder, "--json", "--out", tmp_path / "results.npz")
    found = json.loads(out)
    assert code == 0
    (_, numbers), model = sample(stem), dpa2.load(HEADS / f"{stem}.dp")
    whole, atoms = expected(model, numbers).values()
    assert_close("samples", found["frames"][0][name], whole)
    assert_close("samples", found["frames"][0][f"atom_{name}"], atoms)
    assert_close("samples", found["summary"][f"{name}_mae"], 0.25)
    assert_close("samples", found["summary"][f"{name}_rmse"], 0.125**0.5)
    with np.load(tmp_path / "results.npz") as file:
        assert_close("samples", file[f"1/{name}"], whole)
    assert name in call("eval", HEADS / f"{stem}.dp", folder, "--frames")[1]


def test_test_gives_errors_and_the_worst_frames_of_other_kinds(call, labelled):
    folder, file = labelled("drawn_dipole"), HEADS / "drawn_dipole.dp"
    out = call("test", file, folder)[1]
    assert "dipole  0.25  0.353553  of the labels  2" in out
    assert "worst frames, by the largest error of a component" in out
    told = json.loads(call("test", file, folder, "--json")[1])
    assert [bad["frame"][-7:] for bad in told["worst_frames"]["dipole"]] == ["frame 1", "frame 0"]
    assert abs(told["worst_frames"]["dipole"][0]["error"] + 0.5) < 1e-9
    assert told["worst_atoms"] == []
    code, _, said = call("test", file, folder, "--against", dpa2.demo.MODEL)
    assert code == 2
    assert "the first predicts dipole (3), the second energy, force, virial" in said


@pytest.mark.parametrize("name", ["atoms", "name", "real", "energy", "atom_x", "stress", "pbc"])
def test_a_property_may_be_called_like_something_else_in_the_results(name, call, labelled, tmp_path):
    model, folder = dpa2.load(HEADS / "property.dp"), labelled("property_excluded")
    head = dataclasses.replace(model.config.fitting.property, name=name)
    fitting = dataclasses.replace(model.config.fitting, property=head)
    dpa2.save(dataclasses.replace(model, config=dataclasses.replace(model.config, fitting=fitting)), tmp_path / "x.dp")
    code, out, _ = call("eval", tmp_path / "x.dp", folder, "--json")
    first = json.loads(out)["frames"][0]
    key = name if name == "atom_x" else "property"
    assert (code, first["atoms"], len(first[key])) == (0, 9, 3)
    assert call("eval", tmp_path / "x.dp", folder, "--out", tmp_path / "r.extxyz")[0] == 0
    io = pytest.importorskip("ase.io")
    assert_close("samples", io.read(tmp_path / "r.extxyz").info[key], first[key])


def test_labels_of_a_property_called_energy_are_compared(call, labelled, tmp_path):
    model, folder = dpa2.load(HEADS / "property.dp"), labelled("property_excluded")
    head = config.Property(name="energy", components=1)
    model = dpa2.build(
        dataclasses.replace(model.config, fitting=dataclasses.replace(model.config.fitting, property=head))
    )
    dpa2.save(model, tmp_path / "x.dp")
    np.save(folder / "set.000" / "energy.npy", np.zeros((2, 1)))
    summary = json.loads(call("eval", tmp_path / "x.dp", folder, "--json")[1])["summary"]
    assert summary["property_frames"] == 2


def test_a_frame_of_virtual_atoms_alone_has_no_atoms_in_the_results(call, labelled, tmp_path):
    pytest.importorskip("ase")
    folder = labelled("drawn_dipole")
    np.save(folder / "set.000" / "real_atom_types.npy", np.array([[-1] * 8, [0, 1, 1, 0, 1, 1, 0, 1]]))
    assert call("eval", HEADS / "drawn_dipole.dp", folder, "--out", tmp_path / "r.extxyz")[0] == 0


def test_a_label_of_another_size_is_named(call, labelled):
    folder = labelled("dos")
    np.save(folder / "set.000" / "dos.npy", np.zeros((2, 4)))
    code, _, told = call("eval", HEADS / "dos.dp", folder)
    assert code == 2
    assert "dos has 4 numbers, and the model predicts 5" in told
    np.save(folder / "set.000" / "dos.npy", np.zeros((5, 2)))  # as many numbers, of another number of frames
    assert "does not fit 2 frames" in call("eval", HEADS / "dos.dp", folder)[2]


@pytest.mark.parametrize(
    ("stem", "words"),
    [("dipole", "dipoles"), ("polar", "polarizabilities"), ("property", "the property band_prop"),
     ("dos", "densities of states")],
)  # fmt: skip
def test_info_says_what_a_model_predicts(stem, words, call):
    assert f"predicts      {words}" in call("info", HEADS / f"{stem}.dp")[1]
    facts = json.loads(call("info", HEADS / f"{stem}.dp", "--json")[1])
    assert facts["predicts"] == dpa2.load(HEADS / f"{stem}.dp").kind
    assert np.shape(facts["bias"]["O"]) == dpa2.load(HEADS / f"{stem}.dp").config.bias_shape


def test_values_are_written_for_ase(call, labelled, tmp_path):
    io = pytest.importorskip("ase.io")
    for stem, suffix in (("drawn_dipole", ".extxyz"), ("drawn_polar", ".extxyz"), ("drawn_polar_diagonal", ".traj")):
        target = tmp_path / f"{stem}{suffix}"
        assert call("eval", HEADS / f"{stem}.dp", labelled(stem), "--out", target)[0] == 0
        image = io.read(target)
        whole, atoms = expected(dpa2.load(HEADS / f"{stem}.dp"), sample(stem)[1]).values()
        if suffix == ".extxyz":  # a trajectory of ASE keeps no arrays of other names; 8 decimals are written
            assert_close("samples", image.arrays[f"atom_{LABELS[stem]}"], atoms.reshape(len(atoms), -1), scale=1e4)
        found = image.get_dipole_moment() if stem == "drawn_dipole" else np.array(image.info["polarizability"])
        assert_close("samples", found, whole)


def test_verify_diff_precision_and_vectors_take_every_kind(call, labelled, tmp_path):
    file, folder = HEADS / "drawn_dipole.dp", labelled("drawn_dipole")
    assert call("convert", file, tmp_path / "new.yaml")[0] == 0
    assert call("verify", file, tmp_path / "new.yaml")[0] == 0
    assert "1 of 77 tensors differ" in call("diff", HEADS / "property.dp", HEADS / "property.trainer_checkpoint.pt")[1]
    facts = json.loads(call("precision", file, folder, "--json")[1])
    assert 0 < facts["gradient_error"] < 1e-3
    assert "derivatives are off by at most" in call("precision", file, folder)[1]
    assert call("vectors", tmp_path / "v", "--model", file, "--structure", folder)[0] == 0


def test_what_needs_energies_is_refused_by_kind(call, labelled):
    code, _, told = call("smoothness", HEADS / "dipole.dp")
    assert code == 2
    assert "a survey of smoothness needs a model that predicts energies; this one predicts dipoles" in told
