"""A process for one cell, so that memory, threads and the first call are measured separately.

`python -m benchmarks.worker '{"implementation": ...}' RESULTS` writes its results to the file RESULTS and answers
each line `run` with one line of JSON.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from importlib import import_module
from pathlib import Path

import numpy

from .task import Task


def peak_mb() -> float:
    """Peak memory of the process so far, MB; ru_maxrss would include that of its parent."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) / 1024 for line in status.read_text().splitlines() if "VmHWM" in line)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def gpu_mb(task: Task) -> float | None:
    """Peak memory of arrays on the GPU so far, MB; None on a processor."""
    if task.device == "cpu":
        return None
    if "jax" in task.implementation:
        import jax

        return jax.devices()[0].memory_stats()["peak_bytes_in_use"] / 2**20
    import torch

    return torch.cuda.max_memory_allocated() / 2**20


def main() -> None:
    """Evaluate once, then time a call for each line on standard input."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # output of libraries goes to stderr

    def answer(**facts):
        print(json.dumps(facts), file=answers)

    task = Task(**json.loads(sys.argv[1]))
    started = time.perf_counter()
    side = import_module("benchmarks.peer" if task.implementation.startswith("peer:") else "benchmarks.ours")
    run = side.make(task)
    ready, loaded = time.perf_counter(), peak_mb()
    values = run()
    first = time.perf_counter() - ready
    numpy.savez(sys.argv[2], **values)
    answer(setup=ready - started, first=first, loaded_mb=loaded)
    for line in sys.stdin:
        if line.strip() != "run":
            break
        start = time.perf_counter()
        run()
        answer(seconds=time.perf_counter() - start, peak_mb=peak_mb(), gpu_mb=gpu_mb(task))


if __name__ == "__main__":
    main()
