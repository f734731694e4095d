"""`dpa2 info`: what a model file holds."""

from __future__ import annotations

import json

from command_line import run

import dpa2
from dpa2 import demo


def test_info_shows_types_blocks_and_the_whole_digest():
    digest = dpa2.load(demo.MODEL).checkpoint().digest()
    text = run("info", demo.MODEL).stdout
    assert digest in text
    assert "O, H" in text
    told = json.loads(run("info", demo.MODEL, "--json", "--tensors").stdout)
    assert told["digest"] == digest
    assert told["tensors"]["descriptor.repinit.environment.mean"] == [2, 4]
    assert dpa2.DPA2Config.from_dict(told["config"]) == dpa2.load(demo.MODEL).config


def test_info_says_which_format_writer_and_precision_a_file_has(call):
    code, told, _ = call("info", demo.MODEL, "--json")
    facts = json.loads(told)
    assert code == 0
    assert {n: facts[n] for n in ("format", "writer", "dtype", "parameters", "heads")} == {
        "format": "HDF5", "writer": "deepmd-kit 3.2.0", "dtype": "float64", "parameters": 5026, "heads": None,
    }  # fmt: skip


def test_info_lists_the_heads_of_a_multitask_file(heads, call):
    code, told, _ = call("info", heads)
    assert code == 0
    assert "ice, water" in told
    assert "--head" in told
    assert json.loads(call("info", heads, "--json")[1])["heads"] == ["ice", "water"]
    one = json.loads(call("info", heads, "--head", "ice", "--json")[1])
    assert one["digest"] == dpa2.load(demo.MODEL).checkpoint().digest()
