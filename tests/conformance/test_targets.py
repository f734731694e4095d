"""Targets of a check, functions and programs: the inputs they are given, and the errors for what they do wrong."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest
from golden import named

import dpa2
from dpa2.conformance.check import check_all
from dpa2.conformance.report import verdict
from dpa2.conformance.targets import called, command
from dpa2.conformance.vectors import decode, encode, question, shipped
from dpa2.errors import InputError, TargetFailed


def test_a_function_is_given_what_it_asks_for():
    seen = {}

    def own(coordinates, cell, vectors, **more):
        seen.update(more, cell=cell, vectors=vectors)
        return {"energy": [0.0]}

    vector = named("triclinic")
    called(own, "own")(vector, "float32")
    assert np.array_equal(seen["cell"], vector.system.cell)
    assert np.array_equal(seen["vectors"], vector.trace["nlist/ri_vector"])
    assert seen["dtype"] == "float32"
    assert seen["weights"]["descriptor.repinit.environment.mean"].dtype == np.float32
    assert dpa2.config.DPA2Config.from_dict(seen["config"]).dtype == "float32"
    assert called(lambda coordinates: {"energy": coordinates}, "one")(vector, "float64")


def test_what_a_function_does_wrong_is_told_by_name():
    with pytest.raises(TargetFailed, match=r"own failed on .*ZeroDivisionError"):
        called(lambda **given: 1 / 0, "own")(named("alone"), "float64")
    with pytest.raises(TargetFailed, match="returned list"):
        called(lambda **given: [], "own")(named("alone"), "float64")


PYTHON = f"{sys.executable} -c"


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import sys; sys.exit('out of {order}')", "code 1: out of {order}"),
        ("pass", "wrote no file"),
        ("import time; time.sleep(60)", "stopped after 0.5 s"),
    ],
)
def test_what_a_program_does_wrong_is_told(program, said):
    with pytest.raises(TargetFailed, match=re.escape(said)):
        command(f'{PYTHON} "{program}" {{inputs}} {{outputs}}', seconds=0.5)(named("alone"), "float64")


def test_a_program_that_is_not_there_is_told():
    with pytest.raises(TargetFailed, match="could not be started"):
        command("./no-such-program {inputs} {outputs}")(named("alone"), "float64")
    with pytest.raises(InputError, match=re.escape("{outputs}")):
        command("prog {inputs}")


def test_leaving_the_program_is_a_failure_and_not_agreement():
    with pytest.raises(TargetFailed, match="SystemExit"):
        called(lambda **given: sys.exit(0), "own")(named("alone"), "float64")


def test_what_is_not_implemented_is_left_out_and_said():
    def partial(config, coordinates):
        if config["repinit"]["type_input"] == "strip":
            raise NotImplementedError
        return {"repinit/diff": np.zeros(0)} if coordinates is None else None

    assert called(partial, "own")(named("periodic"), "float64") is None
    vectors = shipped()[:4]
    reports = check_all(lambda v, dtype: None if v is vectors[1] else v.trace, vectors)
    assert [bool(report.skipped) for report in reports] == [False, True, False, False]
    assert f"not implemented, and not compared: {vectors[1].name}" in verdict(reports)
    assert command(f"{PYTHON} 'import sys; sys.exit(77)' {{inputs}} {{outputs}}")(vectors[0], "float64") is None


def test_a_function_may_change_what_it_is_given():
    def careless(coordinates, weights, types):
        coordinates *= 2.0
        for array in weights.values():
            array *= 0.0
        return {"energy": [0.0]}

    vector = decode(encode(named("periodic")))
    before = encode(vector)
    called(careless, "own")(vector, "float64")
    assert encode(vector) == before


def test_a_program_is_given_no_results():
    asked = decode(question(named("periodic"), "float32"))
    assert all(name.startswith("nlist/") for name in asked.trace)
    assert b'"dtype":"float32"' in question(named("periodic"), "float32")
