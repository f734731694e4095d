"""Processes that were forked after their parent evaluated: they evaluate too, or say why they cannot."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import multiprocessing, os, sys, warnings
warnings.simplefilter("ignore", RuntimeWarning)  # of JAX, about forks
import dpa2
from dpa2 import demo

library = sys.argv[1]
model = dpa2.load(demo.MODEL, backend=library).to(library, chunk=2)
def energy(_):
    try:
        return float(model.evaluate([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], ["O", "H", "H"]).energy)
    except dpa2.DPA2Error as error:
        return f"{type(error).__name__}: {error}"
expected = energy(0)
with multiprocessing.get_context("fork").Pool(2) as pool:
    found = pool.map(energy, range(4), chunksize=1)
os.write(1, repr((expected, found)).encode())
"""


def forked(library: str) -> tuple[float, list]:
    """The energy in a process, and in others that were forked from it afterwards."""
    environment = os.environ | {"DPA2_THREADS": "2"}  # with one thread there is none that a child could lack
    command = [sys.executable, "-c", PROGRAM, library]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    return eval(done.stdout, {"__builtins__": {}})


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows cannot fork")
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_forked_processes_evaluate(library):
    pytest.importorskip(library)
    expected, found = forked(library)
    assert found == [expected] * 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows cannot fork")
def test_forked_processes_without_jax_say_so():
    pytest.importorskip("jax")
    expected, found = forked("jax")
    assert isinstance(expected, float)
    assert all("BackendError" in text and "spawn" in text for text in found)
