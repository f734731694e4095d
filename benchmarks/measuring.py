"""Measurement of one cell or of a pair.

The two processes of a pair take turns, so that other load on the machine disturbs both alike.
"""

from __future__ import annotations

import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from .task import Task

THREADS = ("OMP", "MKL", "OPENBLAS", "NUMEXPR")  # libraries whose NAME_NUM_THREADS variable is set
DEVIATION = {"float64": 1e-9, "float32": 1e-3}  # largest difference of the results of a pair, relative


class Failed(RuntimeError):
    """A worker process ended without an answer."""


def interpreters() -> dict[str, str]:
    """Interpreters of DeePMD-kit's back ends, by name.

    DPA2_PEER_PYTHON="jax=PYTHON pt=PYTHON dpmodel=PYTHON" names them; without it, this one if it has DeePMD-kit.
    """
    given = dict(word.split("=", 1) for word in os.environ.get("DPA2_PEER_PYTHON", "").split())
    here = "DPA2_PEER_PYTHON" not in os.environ and find_spec("deepmd") is not None
    return {name: sys.executable for name in ("jax", "pt", "dpmodel")} if here else given


class Worker:
    """A process that evaluates one cell whenever it is asked to."""

    def __init__(self, task: Task, python: str = sys.executable):
        self.folder = tempfile.TemporaryDirectory()
        self.results, self.errors = Path(self.folder.name, "results.npz"), Path(self.folder.name, "errors")
        call = [python, "-m", "benchmarks.worker", json.dumps(dataclasses.asdict(task)), str(self.results)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(call, env=environment(task.threads, task.device), stderr=errors, **pipes)
        self.seconds, self.peak_mb, self.gpu_mb = [], 0.0, None
        self.start = self.read()

    def read(self) -> dict:
        """Return the next answer of the process; raise `Failed` with its last line of errors if it has ended."""
        line = self.process.stdout.readline()
        if not line:
            message = (self.errors.read_text().strip().splitlines() or ["no message"])[-1]
            raise Failed(f"ended with code {self.process.wait()}: {message}")
        return json.loads(line)

    def run(self) -> None:
        """Time one call."""
        with suppress(BrokenPipeError):  # `read` reports that the process has ended
            self.process.stdin.write("run\n")
            self.process.stdin.flush()
        found = self.read()
        self.seconds.append(found["seconds"])
        self.peak_mb, self.gpu_mb = found["peak_mb"], found["gpu_mb"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.folder.cleanup()

    def facts(self) -> dict:
        """Times, memory and number of calls."""
        times = {"median": statistics.median(self.seconds), "min": min(self.seconds), "max": max(self.seconds)}
        return times | self.start | {"calls": len(self.seconds), "peak_mb": self.peak_mb, "gpu_mb": self.gpu_mb}


def environment(threads: int, device: str = "cpu") -> dict[str, str]:
    """Environment variables for a device and a number of threads, with double precision and no cached compilations."""
    fixed = {f"{name}_NUM_THREADS": str(threads) for name in THREADS}
    fixed |= {"DPA2_THREADS": str(threads), "DP_INTRA_OP_PARALLELISM_THREADS": str(threads)}
    fixed |= {"DP_INTER_OP_PARALLELISM_THREADS": "1", "JAX_ENABLE_X64": "1", "DPA2_CACHE": "off"}
    if device == "cpu":
        return dict(os.environ) | fixed | {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
    return dict(os.environ) | fixed | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}  # two processes share the memory


def output(program: str, **changes: str) -> str:
    """Run a program in a new interpreter and return what it prints."""
    call = [sys.executable, "-c", program]
    done = subprocess.run(call, capture_output=True, text=True, env=environment(2) | changes)
    if done.returncode:
        raise Failed((done.stderr.strip().splitlines() or ["no message"])[-1])
    return done.stdout


def alone(task: Task, calls: int, python: str = sys.executable) -> dict:
    """Measure one cell."""
    with Worker(task, python) as worker:
        for _ in range(calls):
            worker.run()
        return dataclasses.asdict(task) | worker.facts()


def pair(ours: Task, peer: Task, python: str, calls: int) -> dict:
    """Measure two cells in turns; ratios are those of DeePMD-kit to dpa2, call by call."""
    with Worker(peer, python) as theirs, Worker(ours) as mine:
        for _ in range(calls):
            theirs.run()
            mine.run()
        ratios = [a / b for a, b in zip(theirs.seconds, mine.seconds, strict=True)]
        found = dataclasses.asdict(ours) | mine.facts() | {"peer": peer.implementation}
        found |= {f"peer_{name}": value for name, value in theirs.facts().items()}
        found |= {"faster": statistics.median(ratios), "fastest": max(ratios), "slowest": min(ratios)}
        return found | {
            "leaner": (theirs.gpu_mb or theirs.peak_mb) / (mine.gpu_mb or mine.peak_mb),
            "deviation": deviation(theirs.results, mine.results, ours.dtype),
        }


def deviation(theirs: Path, mine: Path, dtype: str) -> float:
    """Largest relative difference of the results; raise `Failed` if the two sides do not compute the same."""
    a, b = np.load(theirs), np.load(mine)
    pairs = [(np.ravel(a[name]), np.ravel(b[name])) for name in b.files]
    worst = max(float(np.abs(x - y).max() / np.abs(y).max()) for x, y in pairs)
    if not worst <= DEVIATION[dtype]:
        raise Failed(f"the two sides compute different numbers: {worst:.1e} apart")
    return worst
