"""Eighty faults planted in a copy of the package, one at a time: each is found where it was planted, and named."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from faults.planted import FAULTS

import dpa2
from dpa2.conformance.causes import CAUSES
from dpa2.conformance.check import check_all, common_causes, earliest
from dpa2.conformance.vectors import shipped

HERE = Path(__file__).parent  # contains the package `faults`


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    """What a copy of the package computes with a fault in it: a function of the fault's number."""
    folder = tmp_path_factory.mktemp("faults")
    shutil.copytree(Path(dpa2.__file__).parent, folder / "copy" / "dpa2", ignore=shutil.ignore_patterns("__pycache__"))
    call = [sys.executable, "-m", "faults.worker", str(folder / "copy")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    environment = os.environ | {"DPA2_THREADS": "1"}
    with subprocess.Popen(call, cwd=HERE, env=environment, **pipes) as worker:

        def results(number: int) -> dict[str, np.ndarray]:
            print(number, folder / "found.npz", file=worker.stdin, flush=True)
            assert worker.stdout.readline() == "done\n"
            with np.load(folder / "found.npz") as found:
                return dict(found)

        yield results
        worker.stdin.close()


def names() -> list[str]:
    return [f"{number}-{fault.file}-{fault.cause or 'unnamed'}" for number, fault in enumerate(FAULTS)]


@pytest.mark.parametrize("number", range(len(FAULTS)), ids=names())
def test_a_fault_is_found_where_it_was_planted_and_named_if_it_is_known(number, computed):
    fault, arrays = FAULTS[number], computed(number)

    def target(vector, dtype):
        return {n.partition(":")[2]: a for n, a in arrays.items() if n.startswith(f"{vector.name}:")}

    reports = check_all(target, shipped())
    first = earliest(reports)
    assert first is not None
    assert re.fullmatch(fault.first, first.divergence.finding.name)
    causes = [cause.name for cause in common_causes(reports)]
    assert (fault.cause in causes) if fault.cause else not causes


def test_there_are_enough_faults_and_no_two_the_same():
    assert len(FAULTS) >= 60
    assert len({(f.file, f.old, f.new, f.also) for f in FAULTS}) == len(FAULTS)
    assert {f.cause for f in FAULTS if f.cause} <= {cause.name for cause in CAUSES}
