"""`FILE#HEAD` in every command that takes a model file."""

from __future__ import annotations

import inspect

import pytest

from dpa2 import demo
from dpa2.cli.app import DECLARED, application

CALLS = {
    "info": ["info", "FILE"],
    "eval": ["eval", "FILE", "DATA"],
    "convert": ["convert", "FILE", "TARGET"],
    "verify": ["verify", "FILE", demo.MODEL],
    "diff": ["diff", demo.MODEL, "FILE"],
    "neighbors": ["neighbors", "FILE", "DATA"],
    "precision": ["precision", "FILE", "DATA", "--frames", "1"],
    "smoothness": ["smoothness", "FILE"],
    "vectors": ["vectors", "TARGET", "--model", "FILE", "--structure", "DATA"],
    "compress": ["compress", "FILE", "TARGET", "--min-distance", "0.9"],
}


def test_every_verb_that_takes_a_model_is_in_the_list():
    application()
    taking = {"file", "source", "first", "model"}
    named = {name for name, verb in DECLARED.items() if taking & set(inspect.signature(verb.run).parameters)}
    assert named == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
def test_a_head_is_named_behind_its_file(name, heads, data, tmp_path, call):
    target = tmp_path / ("golden" if name == "vectors" else "target.dp")
    stands = {"FILE": f"{heads}#ice", "DATA": data, "TARGET": target}
    code, _, said = call(*(stands.get(word, word) for word in CALLS[name]))
    if name == "compress":  # it finds the head: what it cannot do is to tabulate this model
        assert (code, "strip" in said) == (4, True)
    else:
        assert code == 0, said
