"""Hostile data sets are refused by a named error; nothing hangs, and memory stays bounded."""

from __future__ import annotations

from attacks import data_sets
from attacks.watched import MEMORY, read, size, state

PIPES = {"pipe-type.raw", "pipe-type_map.raw", "pipe-coord.npy", "raw-pipe"}  # are no valid argument


def test_hostile_data_sets_are_refused_and_do_nothing(tmp_path):
    names, genuine = data_sets.build(tmp_path), sorted(path.name for path in tmp_path.glob("genuine*"))
    before = state(tmp_path)
    told = read(tmp_path, kind="data", genuine=genuine, files=names)
    assert len(names) > 60
    assert [t["name"] for t in told] == names
    assert state(tmp_path) == before
    assert not [t for t in told if t["code"] != (2 if t["name"] in PIPES else 3)]
    assert not [t for t in told if t["seen"] or t["peak"] > MEMORY + 2 * size(tmp_path / t["name"])]
