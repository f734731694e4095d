"""`dpa2 compress`: tables in place of nets, and what they cost."""

from __future__ import annotations

import json

import pytest
from references import DATA


def test_compress_reports_what_it_costs_and_verify_knows_the_two_for_one_model(call, tmp_path):
    source, target = DATA / "samples" / "dpa2_tiny_strip.dp", tmp_path / "small.dp"
    code, told, _ = call("compress", source, target, "--json")
    facts = json.loads(told)
    assert code == 0
    assert facts["min_distance"] == pytest.approx(0.892451513761333)
    assert facts["intervals"] == 1120
    assert max(facts["errors"].values()) <= 1e-9
    assert "compressed" in call("info", target)[1]
    assert f"wrote {target}" in call("compress", source, target, "--force")[1]
    code, told, _ = call("verify", source, target)
    assert code == 0
    assert "one model; the second is compressed" in told
    assert call("compress", DATA / "samples" / "dpa2_tiny.dp", tmp_path / "no.dp")[0] == 4
    assert call("compress", source, target)[0] == 2  # exists already
    call("convert", source, tmp_path / "folder.jax")
    facts = json.loads(call("compress", tmp_path / "folder.jax", tmp_path / "other.dp", "--json")[1])
    inside = [path.stat().st_size for path in (tmp_path / "folder.jax").rglob("*") if path.is_file()]
    assert facts["bytes"] == [sum(inside), (tmp_path / "other.dp").stat().st_size]
