"""The peer itself reads what was written, where it is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest
from peer_files import CASES

import dpa2
from dpa2.serialization import read


@pytest.mark.parametrize("case", ["fparam", "float32", "strip", "econf", "model_exclude", "exclude"])
def test_the_peer_reads_what_was_written_for_jax(case, tmp_path):
    python = peer()
    source = CASES / f"{case}.dp"
    dpa2.convert(source, tmp_path / "ours.jax")
    program = (
        "from deepmd.entrypoints.convert_backend import convert_backend as c; c(INPUT='ours.jax', OUTPUT='back.dp')"
    )
    subprocess.run([python, "-c", program], cwd=tmp_path, check=True, capture_output=True)
    assert read(tmp_path / "back.dp").digest() == read(source).digest()


def peer() -> str:
    """An interpreter that has DeePMD-kit with its JAX part."""
    given = dict(word.split("=", 1) for word in os.environ.get("DPA2_PEER_PYTHON", "").split())
    if "jax" in given:
        return given["jax"]
    return sys.executable if find_spec("deepmd") else pytest.skip("DeePMD-kit is not installed (DPA2_PEER_PYTHON)")
