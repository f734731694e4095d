"""Hostile golden vectors, and results of programs under test, are refused by a named error in bounded memory."""

from __future__ import annotations

import pytest
from attacks import vectors
from attacks.watched import MEMORY, read, size, state


@pytest.mark.parametrize("kind", ["vector", "arrays"])
def test_hostile_vectors_are_refused_and_do_nothing(kind, tmp_path):
    names, before = vectors.build(tmp_path), state(tmp_path)
    told = read(tmp_path, kind=kind, genuine=["genuine.safetensors"], files=names)
    assert [t["name"] for t in told] == names
    assert state(tmp_path) == before
    told_of_pipe = told.pop(names.index("pipe.safetensors"))
    assert told_of_pipe["code"] == 2
    wrong = [t for t in told if t["code"] != 3 and not (kind == "arrays" and t["digest"])]  # any arrays are results
    assert not wrong
    assert not [t for t in told if t["seen"] or t["peak"] > MEMORY + 2 * size(tmp_path / t["name"])]
