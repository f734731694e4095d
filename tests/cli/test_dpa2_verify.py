"""`dpa2 verify`: equal to the bit, or the first difference."""

from __future__ import annotations

import dataclasses
import json
import shutil

import dpa2
from dpa2 import demo, testing
from dpa2.serialization import write


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


def test_models_of_different_shape_are_told_apart_by_tensor(call, tmp_path):
    wide = testing.small_config(types=("O", "H", "C"))
    dpa2.save(testing.perturbed_model(wide), tmp_path / "wide.dp")
    dpa2.save(testing.perturbed_model(testing.small_config()), tmp_path / "small.dp")
    code, told, _ = call("verify", tmp_path / "small.dp", tmp_path / "wide.dp")
    assert code == 6
    assert "types: ('O', 'H') in the first, ('O', 'H', 'C') in the second" in told
    assert "(2,) in the first, (3,) in the second" in call("diff", tmp_path / "small.dp", tmp_path / "wide.dp")[1]


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
