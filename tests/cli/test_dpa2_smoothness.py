"""`dpa2 smoothness`: the table, the files, the causes and the exit code."""

from __future__ import annotations

import csv
import dataclasses
import json

import numpy as np
import pytest
from crowds import narrow

import dpa2
from dpa2 import demo, testing
from dpa2.surveys.drags import drags
from dpa2.surveys.smoothness import survey_smoothness


def test_smoothness_of_the_demonstration_is_complete_and_leaves_a_table_and_a_picture(call, tmp_path):
    code, text, _ = call("smoothness", demo.MODEL, "--csv", tmp_path / "s.csv", "--png", tmp_path / "s.png")
    assert code == 0
    assert "7 of 7 events are C2" in text
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")
    rows = list(csv.DictReader((tmp_path / "s.csv").read_text().splitlines()))
    events = {row["event"]: row for row in rows}
    assert len(events) == 10
    assert all(float(row["order"]) > 2 for row in rows if row["counted"] == "1")
    assert all(row["continuity"] == "jumps" for name, row in events.items() if "overflow" in name)
    for name, row in events.items():
        x, y, slope = (column(rows, name, quantity) for quantity in ("energy", "forces", "derivative of forces"))
        if "overflow" not in name:  # the force is minus the slope of the energy; of unevenly far points to either side
            assert np.allclose(np.gradient(x[1], x[0])[2:-2], -y[1][2:-2], atol=0.02 * np.abs(y[1]).max()), name
            assert np.allclose(np.gradient(y[1], y[0])[2:-2], slope[1][2:-2], atol=0.1 * np.abs(slope[1]).max()), name
        assert x[0][0] < float(row["event_distance"]) < x[0][-1]


def column(rows, event: str, quantity: str) -> np.ndarray:
    """Distances and values of one curve."""
    chosen = [row for row in rows if (row["event"], row["quantity"]) == (event, quantity)]
    return np.array([[float(row["distance"]), float(row["value"])] for row in chosen]).T


def test_smoothness_ends_with_code_6_and_names_the_cause_if_a_model_counts_neighbours(call, tmp_path):
    config = dataclasses.replace(narrow(6, 4, 5), smooth=False, types=("H", "O", "C"))
    dpa2.save(testing.perturbed_model(config, statistics="centered"), tmp_path / "counts.safetensors")
    code, told, _ = call("smoothness", tmp_path / "counts.safetensors", "--json")
    data = json.loads(told)
    rough = {event["event"] for event in data["events"] if event["counted"] and event["continuity"] != "C2"}
    assert (code, data["smooth"], rough) == (6, False, {"cutoff of repformer"})
    assert ["not smooth" in cause for cause in data["causes"]] == [True]
    assert "energy jumps by" in call("smoothness", tmp_path / "counts.safetensors")[1]


def test_pictures_of_another_kind_are_refused_before_any_work(call):
    code, _, said = call("smoothness", demo.MODEL, "--png", "curves.jpg")
    assert code == 2
    assert ".png" in said


def test_the_pair_that_is_dragged_can_be_chosen(call):
    """The drag of another pair has other types at its ends alone, and other energies."""
    drag = next(drags(dpa2.load(demo.MODEL).config))
    assert list(drag.between(1, 1).system.types[[0, -1]]) == [1, 1]
    assert list(drag.between(1, 1).system.types[1:-1]) == list(drag.system.types[1:-1])
    told = json.loads(call("smoothness", demo.MODEL, "--json", "--pair", "H,O")[1])
    here, there = survey_smoothness(dpa2.load(demo.MODEL), [drag.between(1, 0), drag])
    found = told["events"][0]["quantities"]["energy"]["jumps"]
    assert found == pytest.approx(here.jumps[0].sizes, rel=1e-3)
    assert found != pytest.approx(there.jumps[0].sizes, rel=1e-3)
    code, _, said = call("smoothness", demo.MODEL, "--pair", "O,C")
    assert code == 2
    assert "--pair O,C: must be two types of the model, as in O,H; it knows O, H" in said
