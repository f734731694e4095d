"""`dpa2 convert`: the same model in another file, or the old file as it was."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys

import pytest
from command_line import environment, run
from references import DATA

import dpa2
from dpa2 import config, demo, testing
from dpa2.serialization import read, write


@pytest.mark.parametrize("suffix", [".safetensors", ".yaml", ".json", ".dp"])
def test_convert_tells_the_digest_of_both(tmp_path, suffix):
    told = json.loads(run("convert", demo.MODEL, tmp_path / f"a{suffix}", "--json").stdout)
    assert told["digest"] == dpa2.load(tmp_path / f"a{suffix}").checkpoint().digest()


def test_a_model_is_not_replaced_by_a_conversion_that_fails(tmp_path):
    target = tmp_path / "kept.yaml"
    shutil.copy(demo.MODEL, tmp_path / "whole.dp")
    run("convert", tmp_path / "whole.dp", target)
    before = target.read_bytes()
    (tmp_path / "cut.dp").write_bytes((tmp_path / "whole.dp").read_bytes()[:40000])
    run("convert", tmp_path / "cut.dp", target, code=3)
    assert target.read_bytes() == before


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


def test_a_multitask_file_is_converted_head_by_head(heads, call, tmp_path):
    code, told, said = call("convert", heads, tmp_path / "a.dp", "--json")
    assert code == 2
    assert "ice, water" in said
    assert json.loads(told)["facts"]["heads"] == ["ice", "water"]
    assert call("convert", heads, tmp_path / "a.dp", "--head", "ice")[0] == 0
    assert call("verify", tmp_path / "a.dp", demo.MODEL)[0] == 0


def test_rounding_is_told_by_its_size(tmp_path, call):
    """The size is computed here from the numbers of both files."""
    code, told, _ = call("convert", demo.MODEL, tmp_path / "single.dp", "--dtype", "float32")
    assert code == 0
    double, single = read(demo.MODEL).weights, read(tmp_path / "single.dp").weights
    changes = [abs(single[n].astype(float) / w - 1).max() for n, w in double.items() if w.all()]
    assert f"rounded to float32 (largest relative change {max(changes):.1e}), read back" in told
    assert 1e-8 < max(changes) < 2**-24
    facts = json.loads(call("convert", demo.MODEL, tmp_path / "again.dp", "--dtype", "float64", "--json")[1])
    assert facts["rounding"] == 0.0


def test_what_a_checkpoint_has_beside_its_model_is_told_when_it_is_left_out(tmp_path, call):
    trained = DATA / "samples" / "dpa2_tiny.trainer_checkpoint.pt"
    code, told, _ = call("convert", trained, tmp_path / "a.pt")
    assert (code, "not written, because it is not part of the model: optimizer, train_infos" in told) == (0, True)
    facts = json.loads(call("convert", trained, tmp_path / "a.dp", "--json")[1])
    assert facts["left_out"] == ["optimizer", "train_infos"]
    assert "left out" not in call("convert", tmp_path / "a.pt", tmp_path / "b.pt")[1], "its training has not begun"
    assert "left out" not in call("convert", demo.MODEL, tmp_path / "c.pt")[1]
