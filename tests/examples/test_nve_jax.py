"""Dynamics inside programs of JAX conserve the energy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


def test_total_energy_stays_while_the_potential_energy_changes():
    pytest.importorskip("jax")
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "nve_jax.py", "4", "5"],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    times, potential, total = np.array([line.split() for line in done.stdout.splitlines()[1:]], dtype=float).T
    assert times.tolist() == [2.5, 5.0, 7.5, 10.0]
    assert np.ptp(potential) > 0.1
    assert np.ptp(total) < 0.01 * np.ptp(potential)
