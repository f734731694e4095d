"""Cells measured alone or in pairs: two live processes take turns, so that what disturbs one disturbs the other."""

from __future__ import annotations

import dataclasses
import json
import os
import statistics
import subprocess
import sys
import time

from .task import Task

THREADS = ("OMP", "MKL", "OPENBLAS", "NUMEXPR")
DEVIATION = 1e-5  # of norms, float32 included; what is compared in a table must be the same

FEWEST, PATIENCE = 3, 60.0  # calls of a pair that takes longer than so many seconds


class Failed(RuntimeError):
    """A worker that ended without an answer."""


def interpreters() -> dict[str, str]:
    """Interpreters of the peer's back ends: DPA2_PEER_PYTHON="jax=... pt=... dpmodel=...", or this one if it can."""
    given = dict(word.split("=", 1) for word in os.environ.get("DPA2_PEER_PYTHON", "").split())
    here = subprocess.run([sys.executable, "-c", "import deepmd"], capture_output=True).returncode == 0
    return ({name: sys.executable for name in ("jax", "pt", "dpmodel")} if here else {}) | given


class Worker:
    """A process that serves one cell."""

    def __init__(self, task: Task, python: str = sys.executable):
        environment = dict(os.environ) | {f"{name}_NUM_THREADS": str(task.threads) for name in THREADS}
        environment |= {"DPA2_THREADS": str(task.threads), "DP_INTRA_OP_PARALLELISM_THREADS": str(task.threads)}
        environment |= {"DP_INTER_OP_PARALLELISM_THREADS": "1", "JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu"}
        call = [python, "-m", "benchmarks.worker", json.dumps(dataclasses.asdict(task))]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(call, env=environment, **pipes)
        self.seconds, self.peak_mb = [], 0.0
        self.start = self.read()

    def read(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            message = (self.process.stderr.read().strip().splitlines() or ["no message"])[-1]
            raise Failed(f"ended with code {self.process.wait()}: {message}")
        return json.loads(line)

    def run(self) -> None:
        """One timed call."""
        self.process.stdin.write("run\n")
        self.process.stdin.flush()
        found = self.read()
        self.seconds.append(found["seconds"])
        self.peak_mb = found["peak_mb"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def facts(self) -> dict:
        """What was measured."""
        times = {"median": statistics.median(self.seconds), "min": min(self.seconds), "max": max(self.seconds)}
        return times | self.start | {"calls": len(self.seconds), "peak_mb": self.peak_mb}


def alone(task: Task, calls: int) -> dict:
    """One cell."""
    with Worker(task) as worker:
        for _ in range(calls):
            worker.run()
        return dataclasses.asdict(task) | worker.facts()


def pair(ours: Task, peer: Task, python: str, calls: int) -> dict:
    """Two cells in turns; ratios are the peer's number over ours, call by call."""
    with Worker(peer, python) as theirs, Worker(ours) as mine:
        start = time.perf_counter()
        while len(mine.seconds) < calls and (len(mine.seconds) < FEWEST or time.perf_counter() - start < PATIENCE):
            theirs.run()
            mine.run()
        ratios = [a / b for a, b in zip(theirs.seconds, mine.seconds, strict=True)]
        found = dataclasses.asdict(ours) | mine.facts() | {"peer": peer.implementation}
        found |= {f"peer_{name}": value for name, value in theirs.facts().items()}
        found |= {"faster": statistics.median(ratios), "fastest": max(ratios), "slowest": min(ratios)}
        return found | {"leaner": theirs.peak_mb / mine.peak_mb, "deviation": deviation(theirs, mine)}


def deviation(theirs: Worker, mine: Worker) -> float:
    """How far the norms of both sides' results are apart; a comparison of different numbers is an error."""
    a, b = theirs.start["check"], mine.start["check"]
    worst = max(abs(a[n] - b[n]) / abs(b[n]) for n in b if n in a)
    if worst > DEVIATION:
        raise Failed(f"the two sides compute different numbers: {a}, {b}")
    return worst
