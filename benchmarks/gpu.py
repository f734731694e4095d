"""All that docs/performance-gpu.md holds, in one call of some minutes on a machine with a GPU.

`python -m benchmarks.gpu --json gpu.json` prints a row of Markdown once it is measured, and writes all to the file.
DPA2_PEER_PYTHON names interpreters of DeePMD-kit, as for the other programs; without it there are no ratios. With
`--device cpu --atoms 24 --large 48` it shows on a processor that it works.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from .measuring import alone, interpreters, pair
from .program import Bench, measured
from .report import cell, machine
from .task import Task

PEERS = {"jax": "jax", "torch": "pt"}
COLUMNS = ("what", "library", "atoms", "dtype", "median", "first", "steps_per_second", "gpu_mb", "peak_mb",
           "peer_median", "peer_gpu_mb", "faster", "leaner", "deviation", "note")  # fmt: skip


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    found.add_argument("--libraries", nargs="+", default=["jax", "torch"], choices=PEERS)
    found.add_argument("--models", default="medium", help="which model: medium, small or large")
    found.add_argument("--atoms", nargs="+", type=int, default=[192, 1536, 5184], help="multiples of 3")
    found.add_argument("--large", type=int, default=99_999, help="atoms of the largest system; 0 for none")
    found.add_argument("--dtypes", nargs="+", default=["float64", "float32"], choices=("float64", "float32"))
    found.add_argument("--calls", type=int, default=7, help="timed calls, after a first one")
    found.add_argument("--steps", type=int, default=100, help="of dynamics in one call; 0 for none")
    found.add_argument("--json", type=Path, help="file for all rows, with the machine")
    return found


def cells(options: argparse.Namespace, bench: Bench) -> Iterator[tuple[dict, Task, bool]]:
    """Yield labels, task and whether the peer takes turns: first what matters most, for a machine that is lent."""
    sizes = [(dtype, atoms) for dtype in options.dtypes for atoms in options.atoms]
    for dtype, atoms in sizes:
        for library in options.libraries:
            yield {"what": "potential"}, bench.task(library, options.models, atoms, dtype, quantity="potential"), True
    for library in options.libraries if options.steps else ():
        more = {"quantity": "dynamics", "steps": options.steps, "inside": "torch-sim" if library == "torch" else None}
        what = f"dynamics inside {more['inside'] or 'a scan'}"
        yield {"what": what}, bench.task(library, options.models, options.atoms[0], options.dtypes[-1], **more), True
    for library in options.libraries if options.large else ():
        task = bench.task(library, options.models, options.large, options.dtypes[0], quantity="potential")
        yield {"what": "potential"}, task, False


def measure(task: Task, compared: bool, calls: int) -> dict:
    """Return the row of a task, in turns with DeePMD-kit where it is installed."""
    python = interpreters().get(PEERS[task.implementation])
    if not compared or python is None:
        return alone(task, calls)
    return pair(task, replace(task, implementation=f"peer:{PEERS[task.implementation]}"), python, calls)


def row(labels: dict, task: Task, compared: bool, calls: int) -> dict:
    """Return a row with its labels; a note says why something could not be measured."""
    found = measured(partial(measure, task, compared, calls))
    found |= labels | {"library": task.implementation, "atoms": task.atoms, "dtype": task.dtype}
    if task.quantity == "dynamics" and "median" in found:
        found["steps_per_second"] = task.steps / found["median"]
    return found


def line(values) -> str:
    """Return a row of a table in Markdown."""
    return "| " + " | ".join(values) + " |"


def main() -> None:
    """Measure, print and write."""
    options = parser().parse_args()
    facts = machine() | {"date": time.strftime("%Y-%m-%d"), "device": options.device}
    print(", ".join(f"{name} {value}" for name, value in facts.items()), end="\n\n")
    print(line(COLUMNS), line(["---"] * len(COLUMNS)), sep="\n", flush=True)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for labels, task, compared in cells(options, Bench(Path(folder), options.device)):
            rows.append(row(labels, task, compared, options.calls))
            print(line(cell(rows[-1].get(name)) for name in COLUMNS), flush=True)
            if options.json:
                options.json.write_text(json.dumps({"machine": facts, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
