"""LAMMPS with `pair_style dpa2` and with DeePMD-kit's `pair_style deepmd`: the same input, the same numbers.

It runs where DPA2_PEER_PYTHON="pt=PYTHON" names the interpreter of an environment that has DeePMD-kit with its plugin.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tolerances import assert_close

import dpa2
from dpa2.testing import perturbed_model, small_config

PEER = dict(word.split("=", 1) for word in os.environ.get("DPA2_PEER_PYTHON", "").split()).get("pt")
ROOT = Path(dpa2.__file__).parents[1]
STEPS = 10


def numbers(log: Path) -> np.ndarray:
    """Potential and total energy and pressure of each step."""
    return np.array([line.split() for line in re.findall(r"^ +\d+ +-?\d+\.\d+ .*$", log.read_text(), re.M)], float)


@pytest.fixture
def both(tmp_path, monkeypatch):
    """A call that runs a script with both pair styles, and returns the folders of ours and theirs."""
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks import lammps

    ours = os.environ | {"OMP_NUM_THREADS": "1", "DPA2_THREADS": "1", "PYTHONPATH": str(ROOT)}
    theirs = ours | {"LD_LIBRARY_PATH": ":".join(lammps.library_folders(PEER)), "PYTHONPATH": ""}
    programs = {
        "dpa2": (ours, sys.executable, [sys.executable, "-m", "dpa2", "lammps"], ".dp"),
        "deepmd": (theirs, PEER, [str(Path(PEER).with_name("lmp"))], ".pth"),
    }

    def call(ranks: int, models: int, steps: int, keywords: str = "", units: str = "metal") -> list[Path]:
        for k in range(models):
            model = tmp_path / f"{k}.dp"
            dpa2.save(perturbed_model(small_config(), seed=k + 1), model)
            convert = [str(Path(PEER).with_name("dp")), "convert-backend", model, model.with_suffix(".pth")]
            subprocess.run(convert, check=True, capture_output=True, env=theirs)
        for style, (environment, python, program, suffix) in programs.items():
            folder = tmp_path / style
            folder.mkdir()
            files = " ".join(f"../{k}{suffix}" for k in range(models))
            lammps.write_task(folder, f"{style} {files} {keywords}", 48)
            script = (folder / "in.water").read_text().replace("1000000", str(steps)).replace("metal", units)
            (folder / "in.water").write_text(script)
            command = lammps.on_ranks(python, ranks, [*program, "-in", "in.water"])
            subprocess.run(command, cwd=folder, check=True, capture_output=True, env=environment)
        return [tmp_path / style for style in programs]

    return call


@pytest.mark.skipif(PEER is None, reason="needs DPA2_PEER_PYTHON='pt=PYTHON'")
@pytest.mark.parametrize("ranks", [1, 2])
def test_energies_and_pressures_are_those_of_the_reference_step_by_step(both, ranks):
    found, expected = (numbers(folder / "log.lammps") for folder in both(ranks, 1, STEPS))
    assert len(found) == len(expected) == STEPS + 1
    for column in range(found.shape[1]):
        assert_close("reference", found[:, column], expected[:, column], f"column {column}")


@pytest.mark.skipif(PEER is None, reason="needs DPA2_PEER_PYTHON='pt=PYTHON'")
@pytest.mark.parametrize("units", ["metal", "real"])
@pytest.mark.parametrize("levels", ["", "relative 0.5 relative_v 0.01"])
def test_deviations_are_those_of_the_reference_with_levels_and_units(both, levels, units):
    folders = both(1, 2, 2, f"out_freq 1 out_file md.out atomic {levels}", units)
    found, expected = (np.loadtxt(folder / "md.out") for folder in folders)
    assert found.shape == expected.shape == (3, 7 + 48)
    np.testing.assert_allclose(found, expected, rtol=2e-6)  # seven digits are printed
