"""The examples with torch-sim: what they print is physics."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest

pytest.importorskip("ase")
pytest.importorskip("torch_sim")

HERE = Path(__file__).parents[2] / "examples" / "torch_sim"


@pytest.fixture
def run(monkeypatch, capsys):
    """The numbers that an example prints, line by line."""

    def ran(name: str, *words: object) -> list[list[float]]:
        monkeypatch.setattr(sys, "argv", [name, *map(str, words)])
        runpy.run_path(str(HERE / name), run_name="__main__")
        lines = capsys.readouterr().out.splitlines()
        return [[float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", line)] for line in lines]

    return ran


def test_boxes_of_water_take_the_temperature_of_the_bath(run):
    """Two boxes of 24 and 12 atoms, whose energy per atom is that of the liquid."""
    rows = run("nvt_water.py", "--molecules", 8, 4, "--steps", 100, "--temperature", 300)
    assert [row[0] for row in rows] == [24, 12]
    for _, kelvin, energy in rows:
        assert 200 < kelvin < 450
        assert energy == pytest.approx(-46.02, abs=0.05)


def test_clusters_are_relaxed_below_the_force_and_gain_energy(run):
    rows = run("relax_clusters.py", "--molecules", 1, 2, 3, "--atoms", 9, "--force", 0.05)
    assert [row[0] for row in rows] == [3, 6, 9]
    for _, before, after, force in rows:
        assert after < before
        assert force < 0.05
    molecule = rows[0][2]
    bound = [row[2] - row[0] / 3 * molecule for row in rows[1:]]
    assert bound[1] < bound[0] < -0.1  # hydrogen bonds, of which three molecules have more than two
