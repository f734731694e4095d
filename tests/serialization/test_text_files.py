"""Text files are plain, and exact to the bit."""

from __future__ import annotations

import re

import numpy as np
import yaml
from checkpoints import base
from hypothesis import given
from hypothesis import strategies as st

from dpa2.serialization import write
from dpa2.serialization.formats.json import read_json, write_json
from dpa2.serialization.formats.yaml import read_yaml, write_yaml


@given(st.lists(st.floats(width=64, allow_nan=False), min_size=1, max_size=20))
def test_every_float64_survives_text(numbers):
    tree = {"@variables": {"w": np.array(numbers)}}
    for encode, decode in ((write_json, read_json), (write_yaml, read_yaml)):
        assert decode(encode(tree))["@variables"]["w"].tobytes() == tree["@variables"]["w"].tobytes()


def test_written_yaml_is_plain(tmp_path):
    write(base(), tmp_path / "model.yaml")
    text = (tmp_path / "model.yaml").read_text()
    assert not re.search(r"[!&]|- \*", text)
    assert yaml.safe_load(text)["model"]["type"] == "standard"
