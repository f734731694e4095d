"""`dpa2 test`: errors against labels in words and as JSON, of one model or of two, with a picture."""

from __future__ import annotations

import dataclasses
import json
import sys

import numpy as np
import pytest
from training_data import FOLDERS, write_folder
from training_runs import FOLDER

import dpa2
from dpa2 import demo
from dpa2.surveys.accuracy import survey_accuracy, worst_atoms, worst_frames

INITIAL, FINAL = (FOLDER / "allterms_adamw" / f"{when}.dp" for when in ("initial", "final"))


@pytest.fixture(scope="module")
def found():
    model = dpa2.load(INITIAL)
    return survey_accuracy(model, dpa2.read_dataset([FOLDERS["sysA"], FOLDERS["sysB"]], model.type_map))


def test_errors_are_printed_in_all_by_system_and_for_the_worst(found, call):
    code, out, _ = call("test", INITIAL, FOLDERS["sysA"], FOLDERS["sysB"], "--worst", 2)
    lines, summary = out.splitlines(), found.summary()
    assert code == 0
    assert lines[0] == f"12 frames, 100 atoms of {FOLDERS['sysA']}, {FOLDERS['sysB']}"
    assert lines[1].split() == ["errors", "MAE", "RMSE", "unit", "frames"]
    assert [line.split()[0] for line in lines[2:7]] == ["energy", "energy", "force", "virial", "virial"]
    assert lines[4].split() == ["force", f"{summary['force_mae']:.6g}", f"{summary['force_rmse']:.6g}", "eV/Å", "12"]
    assert lines[7] == "of 12 frames, 5 have no virial"
    assert lines[9] == "errors by system (energy eV/atom, force eV/Å, virial eV/atom)"
    assert lines[11].endswith(str(FOLDERS["sysA"]))
    b = found.systems[str(FOLDERS["sysB"])].summary()
    keys = ("energy_mae_per_atom", "energy_rmse_per_atom", "force_mae", "force_rmse")
    assert lines[12].split() == ["5", *(f"{b[key]:.4g}" for key in keys), str(FOLDERS["sysB"])]
    assert lines[14] == "worst frames, by energy per atom"
    energy, force = (worst_frames(found, quantity, 2) for quantity in ("energy", "force"))
    assert lines[16].split(maxsplit=1) == [f"{energy[0].error:.6g}", energy[0].frame]
    assert lines[19] == "worst frames, by the largest error of a force"
    words = [f"{force[1].error:.6g}", f"{force[1].atom}", f"({force[1].type})", force[1].frame]
    assert lines[22].split(maxsplit=3) == words
    assert lines[24] == "worst atoms"
    assert len(lines) == 28


def test_one_system_has_no_table_of_systems_and_the_worst_may_be_left_out(call):
    out = call("test", INITIAL, FOLDERS["sysB"], "--worst", 0)[1]
    assert "by system" not in out
    assert "worst" not in out


def test_json_has_the_errors_of_all_and_of_systems_and_the_worst(found, call):
    code, out, _ = call("test", INITIAL, FOLDERS["sysA"], FOLDERS["sysB"], "--worst", 3, "--json")
    told = json.loads(out)
    assert code == 0
    assert told["summary"] == pytest.approx(found.summary(), rel=1e-12)
    assert [system["name"] for system in told["systems"]] == told["sources"] == list(found.systems)
    assert told["systems"][1]["force_mae"] == pytest.approx(found.systems[told["sources"][1]].summary()["force_mae"])
    assert told["unlabelled"] == {"energy": 0, "force": 0, "virial": 5, "any": 0}
    assert told["worst_frames"]["force"] == [dataclasses.asdict(bad) for bad in worst_frames(found, "force", 3)]
    assert told["worst_atoms"] == [dataclasses.asdict(bad) for bad in worst_atoms(found, 3)]


def test_two_models_stand_side_by_side(call):
    words = INITIAL, FOLDERS["sysA"], FOLDERS["sysB"], "--against", FINAL
    told = json.loads(call("test", *words, "--json")[1])
    alone = json.loads(call("test", FINAL, *words[1:3], "--json")[1])
    assert told["second"]["summary"] == pytest.approx(alone["summary"], rel=1e-12)
    assert set(told["better"].values()) == {"second"}, "a training of five steps on these data made all errors smaller"
    assert told["apart"]["summary"]["energy_mae"] == pytest.approx(
        told["summary"]["energy_mae"] - told["second"]["summary"]["energy_mae"]
    ), "all energies of both are too low"
    out = call("test", *words)[1]
    assert f"second: {FINAL}" in out
    summaries = told["summary"], told["second"]["summary"], told["apart"]["summary"]
    numbers = [f"{summary['force_rmse']:.6g}" for summary in summaries]
    row = next(line for line in out.splitlines() if line.startswith("force RMSE"))
    assert row.split()[2:] == [*numbers[:2], "second", numbers[2], "eV/Å", "12"]
    assert "RMSE by system" in out
    assert "frames in which the models differ most, by energy per atom" in out


def test_two_models_need_no_labels(call, tmp_path):
    place = write_folder(tmp_path / "bare", energy=None, force=None)
    code, out, _ = call("test", INITIAL, place, "--against", FINAL)
    assert code == 0
    assert "of 4 frames, 4 have no energy, 4 have no force, 4 have no virial; 4 have no label at all" in out
    assert "better" in out
    code, _, said = call("test", INITIAL, place)
    assert code == 2
    assert "none of the 4 frames has a label to compare with: data folders have them in energy.npy" in said


def test_one_head_of_a_file_is_tested(call, heads, data):
    first = json.loads(call("test", f"{heads}#ice", data, "--json")[1])
    again = json.loads(call("test", heads, data, "--head", "ice", "--against", f"{heads}#water", "--json")[1])
    assert first["summary"]["energy_rmse_per_atom"] == pytest.approx(np.sqrt(0.5), rel=1e-9)
    assert again["summary"] == first["summary"]
    code, _, said = call("test", heads, data)
    assert code == 2
    assert "ice" in said


def test_structures_that_ase_reads_are_tested(call, data, tmp_path):
    pytest.importorskip("ase")
    assert call("eval", demo.MODEL, data, "--out", tmp_path / "r.extxyz")[0] == 0
    told = json.loads(call("test", demo.MODEL, tmp_path / "r.extxyz", data, "--json")[1])
    assert told["sources"] == [str(tmp_path / "r.extxyz"), str(data)]
    assert told["systems"][0]["force_rmse"] < 1e-6
    assert told["worst_frames"]["energy"][0]["frame"] == f"{data / 'set.000'} frame 1"


def test_a_label_that_is_not_finite_is_named(call, tmp_path):
    forces = np.ones((4, 9))
    forces[3, 0] = np.inf
    for verb in ("test", "eval"):
        code, _, said = call(verb, INITIAL, write_folder(tmp_path / verb, force=forces))
        assert code == 2
        assert f"force of {tmp_path / verb / 'set.000'} frame 3: atom 0 has [inf, 1.0, 1.0]" in said


def test_atoms_of_other_types_and_folders_without_frames_are_named(call, tmp_path):
    place = write_folder(tmp_path / "a")
    (place / "type_map.raw").write_text("OW HW")
    code, _, said = call("test", INITIAL, place)
    assert (code, "'OW'" in said) == (3, True)
    assert call("test", INITIAL, place, "--types", "OW=O,HW=H")[0] == 0
    code, _, said = call("test", INITIAL, write_folder(tmp_path / "b", frames=0))
    assert (code, "b: holds no frames" in said) == (3, True)


def size_of(file) -> tuple:
    """Width and height of a PNG file, after its signature."""
    start = file.read_bytes()[:24]
    assert start[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(start[16:20], "big"), int.from_bytes(start[20:24], "big")


def test_predictions_over_labels_are_drawn(call, tmp_path):
    pytest.importorskip("matplotlib")
    out = call("test", INITIAL, FOLDERS["sysA"], "--png", tmp_path / "three.png")[1]
    assert f"wrote {tmp_path / 'three.png'}" in out
    assert call("test", INITIAL, FOLDERS["sysB"], "--against", FINAL, "--png", tmp_path / "two.png")[0] == 0
    (wide, high), (narrow, same) = size_of(tmp_path / "three.png"), size_of(tmp_path / "two.png")
    assert (narrow * 3, same) == (wide * 2, high), "a panel for each kind of label"


def test_a_picture_says_of_which_models_and_quantities_it_is(found):
    pytest.importorskip("matplotlib")
    from matplotlib.text import Text

    from dpa2.cli.parity import draw

    figure = draw({"first": found, "second": found}, "first: a$b.dp, second: c.dp")
    said = [text.get_text() for text in figure.findobj(Text)]
    rmse = f"{found.summary()['virial_rmse_per_atom']:.4g}"
    expected = {"first: a\\$b.dp, second: c.dp", f"virial per atom: RMSE {rmse}, {rmse}", "label / eV/Å", "second"}
    assert expected <= set(said)
    points = figure.axes[1].lines[0].get_xydata()
    assert np.array_equal(points[:, 0], found.points["force"].expected)
    assert np.array_equal(points[:, 1], found.points["force"].predicted)


def test_a_picture_needs_matplotlib_which_is_said_before_any_work(call, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    code, _, said = call("test", "nowhere.dp", tmp_path, "--png", tmp_path / "a.png")
    assert code == 7
    assert "pip install 'dpa2[plot]'" in said
