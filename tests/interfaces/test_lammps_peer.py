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


@pytest.mark.skipif(PEER is None, reason="needs DPA2_PEER_PYTHON='pt=PYTHON'")
@pytest.mark.parametrize("ranks", [1, 2])
def test_energies_and_pressures_are_those_of_the_reference_step_by_step(tmp_path, monkeypatch, ranks):
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks import lammps

    model = tmp_path / "model.dp"
    dpa2.save(perturbed_model(small_config(), seed=1), model)
    for name, style, python, program in (
        ("ours", f"dpa2 {model}", sys.executable, [sys.executable, "-m", "dpa2", "lammps"]),
        ("theirs", "deepmd ../model.pth", PEER, [str(Path(PEER).with_name("lmp"))]),
    ):
        environment = os.environ | {"OMP_NUM_THREADS": "1", "DPA2_THREADS": "1", "PYTHONPATH": str(ROOT)}
        if name == "theirs":
            environment |= {"LD_LIBRARY_PATH": ":".join(lammps.library_folders(PEER)), "PYTHONPATH": ""}
            convert = [str(Path(PEER).with_name("dp")), "convert-backend", model, tmp_path / "model.pth"]
            subprocess.run(convert, check=True, capture_output=True, env=environment)
        folder = tmp_path / name
        folder.mkdir()
        lammps.write_task(folder, style, 48)
        script = (folder / "in.water").read_text().replace("1000000", str(STEPS))
        (folder / "in.water").write_text(script)
        command = lammps.on_ranks(python, ranks, [*program, "-in", "in.water"])
        subprocess.run(command, cwd=folder, check=True, capture_output=True, env=environment)
    found, expected = (numbers(tmp_path / name / "log.lammps") for name in ("ours", "theirs"))
    assert len(found) == len(expected) == STEPS + 1
    for column in range(found.shape[1]):
        assert_close("reference", found[:, column], expected[:, column], f"column {column}")
