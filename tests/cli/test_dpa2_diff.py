"""`dpa2 diff`: how far two models are apart."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dpa2.serialization.comparison import compare_tensors


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


def test_distances_of_extreme_numbers_are_not_lost():
    for exponent in (1e-320, 1e-300, 1.0, 1e300):
        first, second = np.array([3.0, 0.0]) * exponent, np.array([3.0, 4.0]) * exponent
        found = compare_tensors("x", first, second)
        assert found.relative == pytest.approx(4 / 3, rel=1e-2 if exponent < 1e-310 else 1e-14)
    assert compare_tensors("x", np.array([np.nan]), np.array([np.nan])).changed == 0
