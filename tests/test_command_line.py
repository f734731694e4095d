"""The command line as a user runs it: output, JSON, files and exit codes."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from attacks.genuine import multitask

import dpa2
from dpa2 import config, demo, errors, testing
from dpa2.cli.app import one_line
from dpa2.cli.exit_codes import exit_code
from dpa2.serialization import read, write
from dpa2.serialization.atomic import replacing
from dpa2.serialization.comparison import compare_tensors

SAMPLES = Path(__file__).parent / "data" / "samples"


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


def test_info_says_which_format_writer_and_precision_a_file_has(call):
    code, told, _ = call("info", demo.MODEL, "--json")
    facts = json.loads(told)
    assert code == 0
    assert {n: facts[n] for n in ("format", "writer", "dtype", "parameters", "heads")} == {
        "format": "HDF5", "writer": "deepmd-kit 3.2.0", "dtype": "float64", "parameters": 5026, "heads": None,
    }  # fmt: skip


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


# Converting


def test_a_file_is_not_overwritten_unless_forced(tmp_path, call):
    target = tmp_path / "precious.yaml"
    target.write_text("precious")
    code, _, told = call("convert", demo.MODEL, target)
    assert (code, target.read_text()) == (2, "precious")
    assert "--force" in told
    assert call("convert", demo.MODEL, target, "--force")[0] == 0
    assert dpa2.load(target).type_map == ("O", "H")


def test_precision_is_converted_when_asked_only(tmp_path, call):
    assert call("convert", demo.MODEL, tmp_path / "double.dp")[0] == 0
    assert call("convert", demo.MODEL, tmp_path / "single.dp", "--dtype", "float32")[0] == 0
    double, single = (dpa2.load(tmp_path / f"{name}.dp").checkpoint() for name in ("double", "single"))
    assert double.digest() == dpa2.load(demo.MODEL).checkpoint().digest()
    assert single.digest() == dpa2.load(demo.MODEL, dtype="float32").checkpoint().digest()


def test_bfloat16_is_the_nearest(tmp_path, call):
    """PyTorch rounds as we do."""
    torch = pytest.importorskip("torch")
    assert call("convert", demo.MODEL, tmp_path / "brief.safetensors", "--dtype", "bfloat16")[0] == 0
    model, name = dpa2.load(demo.MODEL).checkpoint(), "descriptor.type_embedding.weight"
    rounded = read(tmp_path / "brief.safetensors").weights[name]
    assert (rounded == torch.tensor(model.weights[name]).to(torch.bfloat16).float().numpy()).all()


def test_numbers_beyond_a_precision_are_refused_by_the_tensors_name(tmp_path, call):
    model, name = dpa2.load(demo.MODEL).checkpoint(), "descriptor.type_embedding.weight"
    model.weights[name][0, 0] = 1e39
    write(model, tmp_path / "large.dp")
    code, _, told = call("convert", tmp_path / "large.dp", tmp_path / "small.dp", "--dtype", "float32")
    assert code == 5
    assert name in told


def test_a_target_that_lacks_a_feature_is_refused_by_its_name(tmp_path, call):
    attention = config.NeighborAttention(layers=1)
    small = testing.small_config()
    gated = dataclasses.replace(small, repinit=dataclasses.replace(small.repinit, attention=attention))
    dpa2.save(testing.perturbed_model(gated), tmp_path / "gated.safetensors")
    code, told, said = call("convert", tmp_path / "gated.safetensors", tmp_path / "gated.dp", "--json")
    assert code == 5
    assert "attention" in said
    assert json.loads(told)["error"] == "TargetLacks"
    assert [p.name for p in tmp_path.iterdir()] == ["gated.safetensors"]


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
from dpa2.cli import main
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits are those of POSIX")
def test_a_disk_that_takes_no_more_is_exit_code_8_and_leaves_the_old_file(tmp_path):
    target = tmp_path / "model.dp"
    target.write_text("precious")
    command = [sys.executable, "-c", LIMITED, "convert", demo.MODEL, str(target), "--force"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=300)
    assert done.returncode == 8, done.stderr
    assert str(target) in done.stderr
    assert target.read_text() == "precious"
    assert [p.name for p in tmp_path.iterdir()] == ["model.dp"]


# A process that writes one half and then waits to be killed.
WRITER = """
import sys, time
from dpa2.serialization.atomic import replacing
with replacing(sys.argv[1]) as new:
    if sys.argv[2] == "directory":
        new.mkdir()
        new = new / "part"
    new.write_text("half")
    print("half", flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no locks of folders")
@pytest.mark.parametrize("what", ["file", "directory"])
def test_nothing_is_left_of_a_killed_write_after_the_next_one(what, tmp_path):
    target = tmp_path / "model.dp"
    target.write_text("old")
    with subprocess.Popen([sys.executable, "-c", WRITER, target, what], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout.readline() == "half\n"
        write(dpa2.load(demo.MODEL).checkpoint(), tmp_path / "other.dp")
        assert len(list(tmp_path.iterdir())) == 3, "the folder of a process that lives is left alone"
        writer.kill()
    assert target.read_text() == "old"
    write(dpa2.load(demo.MODEL).checkpoint(), tmp_path / "other.dp")
    assert {p.name for p in tmp_path.iterdir()} == {"model.dp", "other.dp"}


KILLED = """
import os, signal, sys
from dpa2.serialization.atomic import replacing
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
with replacing(sys.argv[1]) as new:
    new.mkdir()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no locks of folders")
def test_a_directory_whose_replacement_was_killed_comes_back_with_the_next_write(tmp_path):
    make_directory(tmp_path / "model.jax", "old")
    subprocess.run([sys.executable, "-c", KILLED, tmp_path / "model.jax"], check=False)
    assert not (tmp_path / "model.jax").exists()
    write(dpa2.load(demo.MODEL).checkpoint(), tmp_path / "other.dp")
    assert (tmp_path / "model.jax" / "part").read_text() == "old"
    assert {p.name for p in tmp_path.iterdir()} == {"model.jax", "other.dp"}


def make_directory(path, content: str):
    with replacing(path) as new:
        new.mkdir()
        (new / "part").write_text(content)


def test_a_directory_takes_the_place_of_a_directory_as_a_whole(tmp_path):
    target = tmp_path / "model.jax"
    make_directory(target, "old")
    (target / "surplus").write_text("")
    make_directory(target, "new")
    assert [(p.name, p.read_text()) for p in target.iterdir()] == [("part", "new")]
    assert [p.name for p in tmp_path.iterdir()] == ["model.jax"]


def test_an_old_directory_comes_back_if_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    target = tmp_path / "model.jax"
    make_directory(target, "old")

    def refuse(*_):
        raise OSError("no")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(dpa2.WriteFailed):
        make_directory(target, "new")
    assert (target / "part").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["model.jax"]


def test_a_file_never_takes_the_place_of_a_directory(tmp_path):
    make_directory(tmp_path / "model.dp", "precious")
    with pytest.raises(dpa2.WriteFailed, match="irectory"):
        dpa2.save(dpa2.load(demo.MODEL), tmp_path / "model.dp")
    assert (tmp_path / "model.dp" / "part").read_text() == "precious"


# Comparing


@pytest.fixture
def tuned(tmp_path):
    """The demonstration's model with three numbers of one tensor changed, one of them in its sign alone."""
    model, name = dpa2.load(demo.MODEL).checkpoint(), "fitting.layers.0.weight"
    first = model.weights[name].copy()
    first[0, :3] = [0.0, 3.0, 5.0]
    second = first.copy()
    second[0, :3] = [-0.0, 7.0, 2.0]
    for file, array in (("a.dp", first), ("b.yaml", second)):
        write(dataclasses.replace(model, weights=model.weights | {name: array}), tmp_path / file)
    return tmp_path / "a.dp", tmp_path / "b.yaml", name, float(np.linalg.norm(first))


def test_verify_says_equal_whatever_the_format(tuned, tmp_path, call):
    first, *_ = tuned
    dpa2.convert(first, tmp_path / "c.safetensors")
    code, told, _ = call("verify", first, tmp_path / "c.safetensors")
    assert code == 0
    assert told.startswith("equal")
    assert dpa2.load(first).checkpoint().digest() in told


def test_verify_names_the_first_number_that_differs_if_only_in_its_sign(tuned, call):
    first, second, name, _ = tuned
    code, told, _ = call("verify", first, second)
    assert code == 6
    assert f"{name}[0, 0]: 0.0 in the first, -0.0 in the second" in told
    assert "1 of 83 tensors, 3 of 5026 numbers (by at most 4)" in told
    code, told, _ = call("verify", first, second, "--json")
    facts = json.loads(told)
    assert (code, facts["equal"], facts["numbers_different"]) == (6, False, 3)
    assert facts["digests"][0] != facts["digests"][1]


def test_verify_names_settings_by_their_paths(tmp_path, call):
    model = dpa2.load(demo.MODEL).checkpoint()
    other = dataclasses.replace(model.config, smooth=False)
    write(dataclasses.replace(model, config=other), tmp_path / "rough.dp")
    code, told, _ = call("verify", demo.MODEL, tmp_path / "rough.dp")
    assert code == 6
    assert "smooth: True in the first, False in the second" in told


def test_diff_measures_each_tensor(tuned, call, tmp_path):
    first, second, name, length = tuned
    code, told, _ = call("diff", first, second, "--json", "--png", tmp_path / "diff.png")
    changed = [t for t in json.loads(told)["tensors"] if t["changed"]]
    assert (code, [t["name"] for t in changed]) == (0, [name])
    assert changed[0]["largest"] == 4.0
    assert changed[0]["relative"] == pytest.approx(5.0 / length, rel=1e-15)
    assert changed[0]["share"] == 3 / changed[0]["size"]
    assert (tmp_path / "diff.png").read_bytes().startswith(b"\x89PNG")
    table = call("diff", first, second)[1]
    assert name in table
    assert "4.000e+00" in table


def test_models_of_different_shape_are_told_apart_by_tensor(call, tmp_path):
    wide = testing.small_config(types=("O", "H", "C"))
    dpa2.save(testing.perturbed_model(wide), tmp_path / "wide.dp")
    dpa2.save(testing.perturbed_model(testing.small_config()), tmp_path / "small.dp")
    code, told, _ = call("verify", tmp_path / "small.dp", tmp_path / "wide.dp")
    assert code == 6
    assert "types: ('O', 'H') in the first, ('O', 'H', 'C') in the second" in told
    assert "(2,) in the first, (3,) in the second" in call("diff", tmp_path / "small.dp", tmp_path / "wide.dp")[1]


def test_distances_of_extreme_numbers_are_not_lost():
    for exponent in (1e-320, 1e-300, 1.0, 1e300):
        first, second = np.array([3.0, 0.0]) * exponent, np.array([3.0, 4.0]) * exponent
        found = compare_tensors("x", first, second)
        assert found.relative == pytest.approx(4 / 3, rel=1e-2 if exponent < 1e-310 else 1e-14)
    assert compare_tensors("x", np.array([np.nan]), np.array([np.nan])).changed == 0


@pytest.fixture
def heads(tmp_path):
    """A multi-task checkpoint with heads `ice` and `water`, of which the first is the demonstration's model."""
    dpa2.convert(demo.MODEL, tmp_path / "one.pt")
    (tmp_path / "several.pd").write_bytes(multitask((tmp_path / "one.pt").read_bytes(), "ice", "water"))
    return tmp_path / "several.pd"


def test_info_lists_the_heads_of_a_multitask_file(heads, call):
    code, told, _ = call("info", heads)
    assert code == 0
    assert "ice, water" in told
    assert "--head" in told
    assert json.loads(call("info", heads, "--json")[1])["heads"] == ["ice", "water"]
    one = json.loads(call("info", heads, "--head", "ice", "--json")[1])
    assert one["digest"] == dpa2.load(demo.MODEL).checkpoint().digest()


def test_a_multitask_file_is_converted_head_by_head(heads, call, tmp_path):
    code, told, said = call("convert", heads, tmp_path / "a.dp", "--json")
    assert code == 2
    assert "ice, water" in said
    assert json.loads(told)["facts"]["heads"] == ["ice", "water"]
    assert call("convert", heads, tmp_path / "a.dp", "--head", "ice")[0] == 0
    assert call("verify", tmp_path / "a.dp", demo.MODEL)[0] == 0


def test_heads_are_compared_by_their_names_behind_a_number_sign(heads, call, tmp_path):
    assert call("verify", f"{heads}#ice", demo.MODEL)[0] == 0
    code, told, _ = call("verify", f"{heads}#ice", f"{heads}#water")
    assert code == 6
    assert "bias[0]" in told
    assert "by at most 1)" in told
    code, _, said = call("verify", f"{heads}#steam", demo.MODEL)
    assert code == 2
    assert "steam" in said
    assert "ice, water" in said


def test_a_file_with_a_number_sign_in_its_name_is_found(call, tmp_path):
    shutil.copy(demo.MODEL, tmp_path / "a#b.dp")
    assert call("verify", tmp_path / "a#b.dp", demo.MODEL)[0] == 0


def test_compress_reports_what_it_costs_and_verify_knows_the_two_for_one_model(call, tmp_path):
    source, target = SAMPLES / "dpa2_tiny_strip.dp", tmp_path / "small.dp"
    code, told, _ = call("compress", source, target, "--json")
    facts = json.loads(told)
    assert code == 0
    assert facts["min_distance"] == pytest.approx(0.892451513761333)
    assert facts["intervals"] == 1120
    assert max(facts["errors"].values()) <= 1e-9
    assert "compressed" in call("info", target)[1]
    code, told, _ = call("verify", source, target)
    assert code == 0
    assert "one model; the second is compressed" in told
    assert call("compress", SAMPLES / "dpa2_tiny.dp", tmp_path / "no.dp")[0] == 4
    assert call("compress", source, target)[0] == 2  # exists already
    call("convert", source, tmp_path / "folder.jax")
    facts = json.loads(call("compress", tmp_path / "folder.jax", tmp_path / "other.dp", "--json")[1])
    inside = [path.stat().st_size for path in (tmp_path / "folder.jax").rglob("*") if path.is_file()]
    assert facts["bytes"] == [sum(inside), (tmp_path / "other.dp").stat().st_size]
