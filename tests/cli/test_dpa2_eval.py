"""`dpa2 eval`: structures from data folders and files, beside their labels."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from command_line import run

import dpa2
from dpa2 import demo
from dpa2.serialization import write


def test_eval_reads_data_folders_and_compares_with_their_labels(data, tmp_path):
    told = json.loads(run("eval", demo.MODEL, data, "--json", "--out", tmp_path / "out.npz").stdout)
    assert len(told["frames"]) == 2
    assert told["summary"]["energy_rmse_per_atom"] == pytest.approx(np.sqrt(0.5), rel=1e-9)
    assert told["summary"]["force_rmse"] < 1e-12
    written = np.load(tmp_path / "out.npz")
    assert written["1/forces"].shape == (192, 3)


def test_eval_reads_what_ase_reads(tmp_path):
    ase = pytest.importorskip("ase")
    from ase.io import write as write_structures

    box = demo.structure()
    symbols = ["OH"[t] for t in box["types"]]
    atoms = ase.Atoms(symbols, positions=box["coordinates"], cell=box["cell"], pbc=True)
    write_structures(tmp_path / "box.extxyz", [atoms, atoms])
    told = json.loads(run("eval", demo.MODEL, tmp_path / "box.extxyz", "--json").stdout)
    expected = float(box["energy"][0])
    assert [f["energy"] for f in told["frames"]] == pytest.approx([expected] * 2, abs=1e-6)
    write_structures(tmp_path / "flat.extxyz", ase.Atoms("O", cell=[4, 4, 0], pbc=True))
    assert "periodic axis is zero" in run("eval", demo.MODEL, tmp_path / "flat.extxyz", code=2).stderr


def test_a_file_without_structures_is_refused(call, tmp_path):
    """ASE takes a text in Markdown for a format of its own, and finds nothing in it."""
    pytest.importorskip("ase")
    (tmp_path / "README.md").write_text("# Title\n\nText\n")
    code, _, said = call("eval", demo.MODEL, tmp_path / "README.md")
    assert code == 2
    assert f"{tmp_path / 'README.md'}: " in said


def test_results_are_not_computed_for_a_file_that_cannot_be_written(data, tmp_path):
    assert "written as" in run("eval", demo.MODEL, data, "--out", tmp_path / "out.txt", code=2).stderr
    assert not (tmp_path / "out.txt").exists()


def padded(place, extra: int):
    """Frames of a molecule with wrong labels, in the mixed layout, filled up with virtual atoms."""
    folder, types = place / "set.000", [0, 1, 1] + [-1] * extra
    folder.mkdir(parents=True)
    (place / "type.raw").write_text(" ".join(["0"] * len(types)))
    (place / "type_map.raw").write_text("OW HW")
    (place / "nopbc").touch()
    water = [[0.0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0], *[[9.0, 9, 9]] * extra]
    np.save(folder / "coord.npy", np.array([water]).reshape(1, -1))
    np.save(folder / "real_atom_types.npy", np.array([types]))
    np.save(folder / "energy.npy", np.array([-3.0]))
    np.save(folder / "force.npy", np.ones((1, 3 * len(types))))
    np.save(folder / "fparam.npy", np.ones((1, 2)))
    return place


def test_virtual_atoms_have_no_errors_and_types_may_have_other_names(call, tmp_path):
    told = []
    for extra in (0, 5):
        code, out, said = call(
            "eval", demo.MODEL, padded(tmp_path / str(extra), extra), "--types", "OW=O,HW=H", "--json"
        )
        assert code == 0, said
        told.append(json.loads(out))
    plain, filled = (t["summary"] for t in told)
    assert filled == pytest.approx(plain, rel=1e-12)
    assert [t["frames"][0]["atoms"] for t in told] == [3, 3]
    largest = [t["frames"][0]["largest_force"] for t in told]
    assert largest[0] == pytest.approx(largest[1], rel=1e-12)
    code, _, said = call("eval", demo.MODEL, tmp_path / "0")
    assert code == 3
    assert "'OW'" in said
    code, _, said = call("eval", demo.MODEL, tmp_path / "0", "--types", "OW=O,HW=H", "--fparam", "1,2")
    assert (code, "fparam: is given" in said) == (2, True)


@pytest.mark.filterwarnings("default::dpa2.TruncationWarning")
def test_truncation_is_told_once_in_one_line(call, data):
    coordinates = np.load(data / "set.000" / "coord.npy")
    np.save(data / "set.000" / "coord.npy", 0.9 * coordinates)
    np.save(data / "set.000" / "box.npy", 0.9 * np.load(data / "set.000" / "box.npy"))
    code, _, said = call("eval", demo.MODEL, data, "--truncate", "--json")
    assert code == 0, said
    assert said.count("warning:") == 1
    assert "atoms have more neighbours than the 20 that the model's repinit holds" in said
    assert len(said.strip().splitlines()) == 1


def test_the_summary_comes_first_and_has_units_and_both_kinds_of_errors(data, call):
    """Labels are off by numbers that are known: 0 and 192 eV, 0.5 eV/Å in one component of each atom, 3 eV."""
    box = demo.structure()
    out = dpa2.load(demo.MODEL).evaluate(box["coordinates"], box["types"], box["cell"])
    np.save(data / "set.000" / "force.npy", np.tile((out.forces + np.eye(3)[0] / 2).reshape(1, -1), (2, 1)))
    np.save(data / "set.000" / "virial.npy", np.tile((out.virial + np.diag([3.0, 0, 0])).reshape(1, -1), (2, 1)))
    told = json.loads(call("eval", demo.MODEL, data, "--json")[1])["summary"]
    assert told == pytest.approx({
        "frames": 2, "atoms": 384,
        "energy_mae": 96.0, "energy_rmse": 96 * np.sqrt(2), "energy_frames": 2,
        "energy_mae_per_atom": 0.5, "energy_rmse_per_atom": np.sqrt(0.5),
        "force_mae": 0.5 / 3, "force_rmse": 0.5 / np.sqrt(3), "force_frames": 2,
        "virial_mae": 3 / 9, "virial_rmse": 1.0, "virial_frames": 2,
        "virial_mae_per_atom": 3 / 9 / 192, "virial_rmse_per_atom": 1 / 192,
    }, rel=1e-6)  # fmt: skip
    lines = call("eval", demo.MODEL, data)[1].splitlines()
    assert lines[0] == f"2 frames, 384 atoms of {data}"
    assert [line.split() for line in lines[1:]] == [
        ["errors", "MAE", "RMSE", "unit", "frames"],
        ["energy", "96", "135.765", "eV", "2"],
        ["energy", "per", "atom", "0.5", "0.707107", "eV/atom", "2"],
        ["force", "0.166667", "0.288675", "eV/Å", "2"],
        ["virial", "0.333333", "1", "eV", "2"],
        ["virial", "per", "atom", "0.00173611", "0.00520833", "eV/atom", "2"],
    ]


def test_frames_are_listed_where_they_are_asked_for_or_have_no_labels(data, call):
    assert "frame 0" not in call("eval", demo.MODEL, data)[1]
    header, first, second = call("eval", demo.MODEL, data, "--frames")[1].splitlines()[-3:]
    assert header.endswith("energy error / eV/atom  force RMSE / eV/Å")
    assert "frame 1" in second
    errors = np.array([line.split()[-2:] for line in (first, second)], dtype=float)
    assert abs(errors[:, 0]) == pytest.approx([0, 1], abs=1e-6)  # the label of the second frame is 192 eV off
    assert errors[:, 1] == pytest.approx([0, 0], abs=1e-6)
    for name in ("energy", "force"):
        (data / "set.000" / f"{name}.npy").unlink()
    assert "frame 1" in call("eval", demo.MODEL, data)[1]
    assert "frame 1" not in call("eval", demo.MODEL, data, "--no-frames")[1]


@pytest.mark.parametrize("suffix", [".extxyz", ".traj"])
def test_results_are_written_as_ase_reads_them(suffix, data, call, tmp_path):
    io = pytest.importorskip("ase.io")
    file = tmp_path / f"results{suffix}"
    code, said, _ = call("eval", demo.MODEL, data, "--out", file)
    assert code == 0
    assert f"wrote {file}" in said
    box, images = demo.structure(), io.read(file, index=":")
    assert len(images) == 2
    assert images[0].get_potential_energy() == pytest.approx(float(box["energy"][0]), rel=1e-12)
    assert np.abs(images[0].get_forces() - box["forces"]).max() < 1e-8
    assert np.abs(images[0].get_potential_energies() - box["atom_energy"].ravel()).max() < 1e-7
    virial = -images[0].get_stress(voigt=False) * images[0].get_volume()
    assert np.abs(virial - box["virial"].reshape(3, 3)).max() < 1e-8
    told = json.loads(call("eval", demo.MODEL, file, "--json")[1])["summary"]
    assert all(told[f"{label}_mae"] < 1e-6 and told[f"{label}_frames"] == 2 for label in ("energy", "force", "virial"))


def test_results_for_ase_have_no_virtual_atoms_and_keep_the_names_of_types(call, tmp_path):
    io = pytest.importorskip("ase.io")
    model = dpa2.load(demo.MODEL).checkpoint()
    model = dataclasses.replace(model, config=dataclasses.replace(model.config, types=("OW", "HW")))
    write(model, tmp_path / "named.dp")
    code, _, said = call("eval", tmp_path / "named.dp", padded(tmp_path / "data", 5), "--out", tmp_path / "r.extxyz")
    assert code == 0, said
    atoms = io.read(tmp_path / "r.extxyz")
    assert list(atoms.arrays["type"]) == ["OW", "HW", "HW"]
    assert not atoms.pbc.any()


def test_a_virial_beside_the_stress_of_a_file_is_a_label_too(call, tmp_path):
    ase = pytest.importorskip("ase")
    from ase.io import write as write_with_ase

    box = demo.structure()
    out = dpa2.load(demo.MODEL).evaluate(box["coordinates"], box["types"], box["cell"])
    symbols = ["OH"[t] for t in box["types"]]
    atoms = ase.Atoms(symbols, positions=box["coordinates"], cell=box["cell"], pbc=True, info={"virial": out.virial})
    write_with_ase(tmp_path / "a.extxyz", atoms)
    told = json.loads(call("eval", demo.MODEL, tmp_path / "a.extxyz", "--json")[1])["summary"]
    assert told["virial_mae"] < 1e-6
