"""`lcurve.out` is the reference's, byte for byte."""

from __future__ import annotations

import math

import pytest
from training_runs import SINGLE, folder, steps

from dpa2.training.loop import Curve


def reported(record: dict) -> dict[str, float]:
    """The numbers that the reference showed in a step."""
    return {n: math.nan if x is None else x for n, x in record.items() if n.startswith("rmse")}


@pytest.mark.parametrize("run", SINGLE)
def test_the_table_of_a_run_is_that_of_the_reference(run, tmp_path):
    curve, file = Curve({"": sorted(reported(steps(run)[0]))}), tmp_path / "lcurve.out"
    curve.begin(file)
    for record in steps(run):
        curve.add(file, curve.row(record["step"] + 1, {"": reported(record)}, record["lr"]))
    assert file.read_bytes() == (folder(run) / "lcurve.out").read_bytes()


def test_the_table_of_several_heads_is_that_of_the_reference():
    """The numbers of heads that are not trained in a step are in the table alone, and are read from it."""
    expected = (folder("multitask") / "lcurve.out").read_text()
    heads = {"h1": ["rmse", "rmse_e", "rmse_f"], "h2": ["rmse", "rmse_e", "rmse_f", "rmse_v"]}
    curve = Curve(heads)
    text = curve.header()
    rows = [list(map(float, line.split())) for line in expected.splitlines()[2:]]
    for record, (_, *numbers, _) in zip(steps("multitask"), rows, strict=True):
        values = iter(numbers)
        shown = {head: {name: next(values) for name in names} for head, names in heads.items()}
        shown[record["task"]] = reported(record)
        text += curve.row(record["step"] + 1, shown, record["lr"])
    assert text == expected


def test_validation_stands_before_training_with_one_blank_between():
    curve = Curve({"": ["rmse"]}, validation=True)
    assert curve.header().splitlines()[0] == "# step       rmse_val    rmse_trn   lr      "
    row = curve.row(12, {"": {"rmse": 1.0}}, 1e-3, {"": {"rmse": 2.0}})
    assert row == "     12" + "   " + "   2.00e+00" + " " + "   1.00e+00" + "   " + " 1.0e-03\n"


def test_a_training_that_goes_on_appends_and_writes_the_header_again(tmp_path):
    curve, file = Curve({"": ["rmse"]}), tmp_path / "lcurve.out"
    curve.begin(file)
    curve.add(file, curve.row(1, {"": {"rmse": 1.0}}, 1e-3))
    before = file.read_text()
    curve.begin(file, again=True)
    assert file.read_text() == before + curve.header()
    curve.begin(file)
    assert file.read_text() == curve.header()
