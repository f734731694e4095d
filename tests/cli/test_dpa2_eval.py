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
    write(tmp_path / "slab.extxyz", ase.Atoms("O", cell=[4, 4, 4], pbc=[True, True, False]))
    assert "all three or none" in run("eval", demo.MODEL, tmp_path / "slab.extxyz", code=2).stderr


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
