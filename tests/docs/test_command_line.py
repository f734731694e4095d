"""The page on the command line names every field that `--json` prints."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from training_scripts import SINGLE, changed

from dpa2 import demo

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text()
CALLS = {
    "eval": [["eval", "MODEL", "DATA"]],
    "info": [["info", "MODEL", "--tensors"], ["info", "HEADS", "--tensors"]],
    "convert": [["convert", "MODEL", "TARGET"]],
    "change-bias": [["change-bias", "MODEL", "DATA", "--out", "TARGET"]],
    "train": [
        ["train", "--check", "SCRIPT"],
        ["train", "--check", "SCRIPT", "--init-model", "MODEL", "--use-pretrain-script"],
    ],
    "test": [["test", "MODEL", "DATA"], ["test", "MODEL", "DATA", "--against", "MODEL"]],
    "neighbors": [["neighbors", "MODEL", "DATA"]],
    "precision": [["precision", "MODEL", "DATA", "--frames", "1"]],
}
BY_NAME = {"tensors", "dtypes", "kinds_of_tensors", "kinds", "aliases", "bias", "settings", "config"}  # of the model's


def fields(value) -> set[str]:
    """The keys in a JSON value, without those that are names of tensors, types, heads or settings."""
    if isinstance(value, list):
        return set().union(*(fields(item) for item in value), set())
    if not isinstance(value, dict):
        return set()
    return set(value).union(*(fields(v) for k, v in value.items() if k not in BY_NAME or isinstance(v, list)), set())


@pytest.mark.parametrize("verb", CALLS)
def test_every_field_of_json_is_documented(verb, call, data, heads, tmp_path):
    section = PAGE.partition(f"## `{verb}`\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(\w+)`", section))
    script = changed(SINGLE, {"training.training_data.systems": str(data)})
    (tmp_path / "input.json").write_text(json.dumps(script))
    stands = {
        "SCRIPT": tmp_path / "input.json",
        "MODEL": demo.MODEL,
        "DATA": data,
        "HEADS": heads,
        "TARGET": tmp_path / "a.dp",
    }
    for words in CALLS[verb]:
        code, told, said = call(*(stands.get(word, word) for word in words), "--json")
        assert code == 0, said
        assert fields(json.loads(told)) <= named
