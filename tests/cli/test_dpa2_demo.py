"""`dpa2 demo`: it passes, and says where it does not."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from command_line import environment, run

from dpa2 import demo


def test_demo_passes_and_says_so():
    assert "ok" in run("demo").stdout
    told = json.loads(run("demo", "--json").stdout)
    assert told["passed"]
    assert {s["what"] for s in told["steps"]} == {"load", "evaluate", "convert", "compare"}


def test_demo_passes_on_jax_with_all_its_optimisations(monkeypatch):
    """The rest of the suite compiles without, to save time."""
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    monkeypatch.delenv("JAX_ENABLE_X64", raising=False)
    assert json.loads(run("demo", "--backend", "jax", "--json").stdout)["passed"]


def test_demo_prints_the_same_table_on_paddle():
    pytest.importorskip("paddle")
    told, expected = (json.loads(run("demo", *words, "--json").stdout) for words in (("--backend", "paddle"), ()))
    assert told["passed"]
    results, wanted = ([(step["what"], step["result"]) for step in one["steps"]] for one in (told, expected))
    assert results == [(what, result.replace("numpy", "paddle")) for what, result in wanted]


def test_demo_fails_with_exit_code_6_where_numbers_disagree(monkeypatch, tmp_path):
    wrong = tmp_path / "wrong.npz"
    with np.load(demo.RESULTS) as arrays:
        np.savez(wrong, **{**arrays, "box/energy": arrays["box/energy"] + 1e-6})
    monkeypatch.setattr(demo, "RESULTS", str(wrong))
    steps = {s.result.split(":")[0]: s.passed for s in demo.run() if s.what == "compare"}
    assert steps == {"energy": False, "forces": True, "virial": True, "atom_energy": True}
    program = f"import dpa2.demo; dpa2.demo.RESULTS = {str(wrong)!r}; from dpa2.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", program, "demo"], capture_output=True, env=environment())
    assert done.returncode == 6
