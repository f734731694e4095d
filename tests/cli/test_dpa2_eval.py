"""`dpa2 eval`: structures from data folders and files, beside their labels."""

from __future__ import annotations

import json

import numpy as np
import pytest
from command_line import run

from dpa2 import demo


def test_eval_reads_data_folders_and_compares_with_their_labels(data, tmp_path):
    told = json.loads(run("eval", demo.MODEL, data, "--json", "--out", tmp_path / "out.npz").stdout)
    assert len(told["frames"]) == 2
    assert told["summary"]["energy_rmse_per_atom"] == pytest.approx(np.sqrt(0.5), rel=1e-9)
    assert told["summary"]["force_rmse"] < 1e-12
    written = np.load(tmp_path / "out.npz")
    assert written["1/forces"].shape == (192, 3)
    assert "energy rmse per atom" in run("eval", demo.MODEL, data).stdout


def test_eval_reads_what_ase_reads(tmp_path):
    ase = pytest.importorskip("ase")
    from ase.io import write

    box = demo.structure()
    symbols = ["OH"[t] for t in box["types"]]
    atoms = ase.Atoms(symbols, positions=box["coordinates"], cell=box["cell"], pbc=True)
    write(tmp_path / "box.extxyz", [atoms, atoms])
    told = json.loads(run("eval", demo.MODEL, tmp_path / "box.extxyz", "--json").stdout)
    expected = float(box["energy"][0])
    assert [f["energy"] for f in told["frames"]] == pytest.approx([expected] * 2, abs=1e-6)
    write(tmp_path / "flat.extxyz", ase.Atoms("O", cell=[4, 4, 0], pbc=True))
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
