"""Cells measured alone or in pairs: two live processes take turns, so that what disturbs one disturbs the other."""

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

THREADS = ("OMP", "MKL", "OPENBLAS", "NUMEXPR")
DEVIATION = {"float64": 1e-9, "float32": 1e-3}  # of the largest element; what is compared must be the same


class Failed(RuntimeError):
    """A worker that ended without an answer."""


def interpreters() -> dict[str, str]:
    """Interpreters of the peer's back ends: DPA2_PEER_PYTHON="jax=... pt=... dpmodel=...", or this one if it has it."""
    given = dict(word.split("=", 1) for word in os.environ.get("DPA2_PEER_PYTHON", "").split())
    here = "DPA2_PEER_PYTHON" not in os.environ and find_spec("deepmd") is not None
    return {name: sys.executable for name in ("jax", "pt", "dpmodel")} if here else given


class Worker:
    """A process that serves one cell."""

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
        line = self.process.stdout.readline()
        if not line:
            message = (self.errors.read_text().strip().splitlines() or ["no message"])[-1]
            raise Failed(f"ended with code {self.process.wait()}: {message}")
        return json.loads(line)

    def run(self) -> None:
        """One timed call."""
        with suppress(BrokenPipeError):  # what happened is in the answer that does not come
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
        """What was measured."""
        times = {"median": statistics.median(self.seconds), "min": min(self.seconds), "max": max(self.seconds)}
        return times | self.start | {"calls": len(self.seconds), "peak_mb": self.peak_mb, "gpu_mb": self.gpu_mb}


def environment(threads: int, device: str = "cpu") -> dict[str, str]:
    """Everything on a device and so many processors, in double precision, with nothing left from earlier runs."""
    fixed = {f"{name}_NUM_THREADS": str(threads) for name in THREADS}
    fixed |= {"DPA2_THREADS": str(threads), "DP_INTRA_OP_PARALLELISM_THREADS": str(threads)}
    fixed |= {"DP_INTER_OP_PARALLELISM_THREADS": "1", "JAX_ENABLE_X64": "1", "DPA2_CACHE": "off"}
    if device == "cpu":
        return dict(os.environ) | fixed | {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
    return dict(os.environ) | fixed | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}  # two processes share the memory


def output(program: str, **changes: str) -> str:
    """What a program prints in an interpreter of its own."""
    call = [sys.executable, "-c", program]
    done = subprocess.run(call, capture_output=True, text=True, env=environment(2) | changes)
    if done.returncode:
        raise Failed((done.stderr.strip().splitlines() or ["no message"])[-1])
    return done.stdout


def alone(task: Task, calls: int, python: str = sys.executable) -> dict:
    """One cell."""
    with Worker(task, python) as worker:
        for _ in range(calls):
            worker.run()
        return dataclasses.asdict(task) | worker.facts()


def pair(ours: Task, peer: Task, python: str, calls: int) -> dict:
    """Two cells in turns; ratios are the peer's number over ours, call by call."""
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
    """The largest difference of results, of the largest element; a comparison of different numbers is an error."""
    a, b = np.load(theirs), np.load(mine)
    pairs = [(np.ravel(a[name]), np.ravel(b[name])) for name in b.files]
    worst = max(float(np.abs(x - y).max() / np.abs(y).max()) for x, y in pairs)
    if not worst <= DEVIATION[dtype]:
        raise Failed(f"the two sides compute different numbers: {worst:.1e} apart")
    return worst
