"""The command line as a user runs it: output, JSON, files and exit codes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

import dpa2
from dpa2 import demo, errors
from dpa2.cli.app import one_line
from dpa2.cli.exit_codes import exit_code


def run(*arguments, code: int = 0) -> subprocess.CompletedProcess:
    """`dpa2 ARGUMENTS` in a process of its own, wide enough that tables are not broken."""
    command = [sys.executable, "-c", "from dpa2.cli import main; main()", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=300)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def environment() -> dict:
    import os

    return {**os.environ, "COLUMNS": "200", "TERM": "dumb"}


@pytest.fixture
def data(tmp_path):
    """A small data folder with two frames of the demonstration's box, labelled with what the model says of them."""
    box, model = demo.structure(), dpa2.load(demo.MODEL)
    moved = np.stack([box["coordinates"], box["coordinates"] + np.array([0.1, 0.0, 0.0])])
    folder = tmp_path / "water" / "set.000"
    folder.mkdir(parents=True)
    out = model.evaluate(box["coordinates"], box["types"], box["cell"])
    np.save(folder / "coord.npy", moved.reshape(2, -1))
    np.save(folder / "box.npy", np.tile(box["cell"].reshape(1, 9), (2, 1)))
    np.save(folder / "energy.npy", np.array([out.energy, out.energy + 192.0]))
    np.save(folder / "force.npy", np.tile(out.forces.reshape(1, -1), (2, 1)))
    (tmp_path / "water" / "type.raw").write_text("\n".join(map(str, box["types"])))
    (tmp_path / "water" / "type_map.raw").write_text("O\nH\n")
    return tmp_path / "water"


def test_demo_passes_and_says_so():
    assert "ok" in run("demo").stdout
    told = json.loads(run("demo", "--json").stdout)
    assert told["passed"]
    assert {s["what"] for s in told["steps"]} == {"load", "evaluate", "convert", "compare"}


def test_demo_passes_on_jax_with_all_its_optimisations(monkeypatch):
    """The rest of the suite compiles without, to save time."""
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    monkeypatch.delenv("JAX_ENABLE_X64", raising=False)
    assert json.loads(run("demo", "--backend", "jax", "--json").stdout)["passed"]


def test_demo_fails_with_exit_code_6_where_numbers_disagree(monkeypatch, tmp_path):
    wrong = tmp_path / "wrong.npz"
    box = demo.structure()
    np.savez(wrong, **box | {"energy": box["energy"] + 1e-6})
    monkeypatch.setattr(demo, "STRUCTURE", str(wrong))
    steps = {s.result.split(":")[0]: s.passed for s in demo.run() if s.what == "compare"}
    assert steps == {"energy": False, "forces": True, "virial": True, "atom_energy": True}
    program = f"import dpa2.demo; dpa2.demo.STRUCTURE = {str(wrong)!r}; from dpa2.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", program, "demo"], capture_output=True, env=environment())
    assert done.returncode == 6


def test_info_shows_types_blocks_and_the_whole_digest():
    digest = dpa2.load(demo.MODEL).checkpoint().digest()
    text = run("info", demo.MODEL).stdout
    assert digest in text
    assert "O, H" in text
    told = json.loads(run("info", demo.MODEL, "--json", "--tensors").stdout)
    assert told["digest"] == digest
    assert told["tensors"]["descriptor.repinit.environment.mean"] == [2, 4]
    assert dpa2.DPA2Config.from_dict(told["config"]) == dpa2.load(demo.MODEL).config


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


@pytest.mark.parametrize("suffix", [".safetensors", ".yaml", ".json", ".dp"])
def test_convert_tells_the_digest_of_both(tmp_path, suffix):
    told = json.loads(run("convert", demo.MODEL, tmp_path / f"a{suffix}", "--json").stdout)
    assert told["digest"] == dpa2.load(tmp_path / f"a{suffix}").checkpoint().digest()


@pytest.fixture
def refused(tmp_path) -> dict[str, tuple]:
    """Calls that fail, by what is wrong with them: the exit code, and the arguments, of which the last is named."""
    (tmp_path / "garbage.dp").write_bytes(b"not a model")
    (tmp_path / "script.json").write_text('{"model": {"fitting_net": {}}}')
    return {
        "no such command": (2, "frobnicate"),
        "no such option": (2, "info", demo.MODEL, "--fast"),
        "no such structure": (2, "eval", demo.MODEL, tmp_path / "no.xyz"),
        "no such suffix": (2, "convert", demo.MODEL, tmp_path / "a.xyz"),
        "no such file": (3, "info", tmp_path / "nowhere.dp"),
        "no model": (3, "info", tmp_path / "garbage.dp"),
        "another kind of file": (4, "info", tmp_path / "script.json"),
        "no such folder": (8, "convert", demo.MODEL, tmp_path / "no" / "model.dp"),
    }


@pytest.mark.parametrize("what", [
    "no such command", "no such option", "no such structure", "no such suffix", "no such file", "no model",
    "another kind of file", "no such folder",
])  # fmt: skip
def test_exit_code_and_one_line_say_what_is_wrong(what, refused):
    code, *arguments = refused[what]
    done = run(*arguments, code=code)
    assert not done.stdout
    assert len(done.stderr.splitlines()) == 1
    assert str(arguments[-1]) in done.stderr
    told = run("--debug", *arguments, "--json", code=code)
    assert told.stderr.endswith(done.stderr)
    assert ("Traceback" in told.stderr) == (what not in ("no such command", "no such option"))
    assert str(arguments[-1]) in json.loads(told.stdout)["message"]


def test_every_named_error_has_an_exit_code():
    codes = {name: exit_code(getattr(errors, name)("")) for name in vars(errors) if name[0].isupper()}
    assert codes["DPA2Error"] == codes["InputError"] == codes["BackendError"] == 2
    assert codes["FormatError"] == codes["FileMissing"] == 3
    assert [codes[name] for name in ("UnsupportedModel", "TargetLacks", "VerificationFailed")] == [4, 5, 6]
    assert [codes[name] for name in ("MissingDependency", "WriteFailed")] == [7, 8]


def test_a_message_is_one_line_whatever_a_file_sends_to_the_terminal():
    assert one_line("a\nb\tc \x1b[2Jd \u202ee é") == "a b c \\x1b[2Jd \\u202ee é"


def test_files_and_folders_that_are_not_there_are_named(tmp_path):
    with pytest.raises(dpa2.FileMissing, match="there is no such file"):
        dpa2.load(tmp_path / "nowhere.dp")
    with pytest.raises(dpa2.WriteFailed, match="no folder"):
        dpa2.save(dpa2.load(demo.MODEL), tmp_path / "no" / "model.dp")


def test_results_are_not_computed_for_a_file_that_cannot_be_written(data, tmp_path):
    assert "written as" in run("eval", demo.MODEL, data, "--out", tmp_path / "out.txt", code=2).stderr
    assert not (tmp_path / "out.txt").exists()


def test_a_model_is_not_replaced_by_a_conversion_that_fails(tmp_path):
    target = tmp_path / "kept.yaml"
    shutil.copy(demo.MODEL, tmp_path / "whole.dp")
    run("convert", tmp_path / "whole.dp", target)
    before = target.read_bytes()
    (tmp_path / "cut.dp").write_bytes((tmp_path / "whole.dp").read_bytes()[:40000])
    run("convert", tmp_path / "cut.dp", target, code=3)
    assert target.read_bytes() == before
