"""Energy, forces and virial of a made-up water box: seconds a call and peak memory, each library in its own process.

python -m benchmarks.speed --model medium --molecules 64 512 --backend numpy torch jax --json speed.json
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

MODELS = Path(__file__).with_name("models")


def measure(backend: str, model: str, molecules: int, dtype: str, calls: int) -> dict:
    """One cell, in this process: the neighbour list apart, the first call apart, the median of the others."""
    import resource

    import dpa2
    from dpa2.evaluation import evaluate_prepared
    from dpa2.testing import water_box

    built = dpa2.build(json.loads((MODELS / f"{model}.json").read_text())["model"], seed=0)
    built = built.to(backend, dtype=dtype)
    system = water_box(molecules, seed=0)
    lists, seconds = [], []
    for _ in range(calls + 1):
        start = time.perf_counter()
        ready = built.prepare_systems([system], neighbors="truncate")
        lists.append(time.perf_counter() - start)
        start = time.perf_counter()
        built.backend.to_numpy(evaluate_prepared(built.program, built.backend, ready, False)[0].forces)
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    median = statistics.median(seconds[1:])
    return {"first": seconds[0], "median": median, "min": min(seconds[1:]), "max": max(seconds[1:]),
            "neighbors": statistics.median(lists[1:]), "peak_mb": peak}  # fmt: skip


def cell(arguments: dict) -> dict:
    """One cell in a process of its own, so that its memory and its first call are its own."""
    environment = {**os.environ, "JAX_ENABLE_X64": "1"}
    program = f"import json; from benchmarks.speed import measure; print(json.dumps(measure(**{arguments!r})))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    if done.returncode:
        return arguments | {"error": (done.stderr.strip().splitlines() or ["failed"])[-1]}
    return arguments | json.loads(done.stdout.splitlines()[-1])


def show(rows: list[dict]) -> None:
    """A line for each cell."""
    from rich.console import Console
    from rich.table import Table

    columns = ("backend", "model", "molecules", "dtype", "median", "min", "max", "first", "neighbors", "peak_mb")
    table = Table(*columns, title="energy + forces + virial; seconds, MB")
    for row in rows:
        if "error" in row:
            table.add_row(row["backend"], row["model"], str(row["molecules"]), row["dtype"], row["error"])
        else:
            table.add_row(*(f"{row[c]:.4g}" if isinstance(row[c], float) else str(row[c]) for c in columns))
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", nargs="+", default=["numpy", "torch", "jax"])
    parser.add_argument("--model", nargs="+", default=["medium"], choices=["small", "medium", "large"])
    parser.add_argument("--molecules", nargs="+", type=int, default=[64])
    parser.add_argument("--dtype", nargs="+", default=["float64"])
    parser.add_argument("--calls", type=int, default=7)
    parser.add_argument("--json", help="write the rows to this file")
    options = parser.parse_args()
    rows = [
        cell({"backend": b, "model": m, "molecules": n, "dtype": d, "calls": options.calls})
        for m in options.model for n in options.molecules for d in options.dtype for b in options.backend
    ]  # fmt: skip
    show(rows)
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
