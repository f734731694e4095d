"""One cell in a process of its own: its memory, its threads and its first call are its own.

`python -m benchmarks.worker '{"implementation": ...}'` answers each line `run` with one line of JSON.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from importlib import import_module

from .task import Task


def peak_mb() -> float:
    """The largest memory that the process has had so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print goes to stderr

    def answer(**facts):
        print(json.dumps(facts), file=answers)

    task = Task(**json.loads(sys.argv[1]))
    started = time.perf_counter()
    side = import_module("benchmarks.peer" if task.implementation.startswith("peer:") else "benchmarks.ours")
    run = side.make(task)
    ready = time.perf_counter()
    values = run()
    first = time.perf_counter() - ready
    sums = {name: norm(value) for name, value in values.items()}
    answer(setup=ready - started, first=first, check=sums)
    for line in sys.stdin:
        if line.strip() != "run":
            break
        start = time.perf_counter()
        run()
        answer(seconds=time.perf_counter() - start, peak_mb=peak_mb())


def norm(value) -> float:
    """A number by which two implementations can be compared."""
    import numpy

    return float(numpy.sqrt((numpy.asarray(value, dtype=float) ** 2).sum()))


if __name__ == "__main__":
    main()
