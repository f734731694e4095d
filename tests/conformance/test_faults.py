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
from dpa2.conformance.check import common_causes, compared, earliest, explained, with_causes
from dpa2.conformance.results import Checked
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


EVERY = pytest.mark.parametrize("number", range(len(FAULTS)), ids=names())


@EVERY
def test_a_fault_is_found_where_it_was_planted_and_named_if_it_is_known(number, computed):
    """Sets of causes are looked for, too, beside every tenth fault: they take longer than all the rest."""
    explain = with_causes if number % 10 else explained
    found_and_named(FAULTS[number], explain(compared_on_all_vectors(computed(number))))


@pytest.mark.slow
@EVERY
def test_a_fault_is_found_and_named_in_the_whole_report(number, computed):
    found_and_named(FAULTS[number], explained(compared_on_all_vectors(computed(number))))


def compared_on_all_vectors(arrays: dict[str, np.ndarray]) -> list[Checked]:
    """The comparison of each vector with what a copy of the package gave for it."""
    results = []
    for vector in shipped():
        found = {n.partition(":")[2]: a for n, a in arrays.items() if n.startswith(f"{vector.name}:")}
        results.append(Checked(vector, *compared(vector, found, "float64", None)))
    return results


def found_and_named(fault, reports) -> None:
    """Assert that the first divergence is where a fault was planted, and that its cause is told if there is one."""
    first = earliest(reports)
    assert first is not None
    assert re.fullmatch(fault.first, first.divergence.finding.name)
    causes = [cause.name for cause in common_causes(reports)]
    assert (fault.cause in causes) if fault.cause else not causes


def test_there_are_enough_faults_and_no_two_the_same():
    assert len(FAULTS) >= 60
    assert len({(f.file, f.old, f.new, f.also) for f in FAULTS}) == len(FAULTS)
    assert {f.cause for f in FAULTS if f.cause} <= {cause.name for cause in CAUSES}
