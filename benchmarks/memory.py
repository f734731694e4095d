"""Peak memory of the whole process: each library and the peer's back ends, and what keeps it small when asked."""

from __future__ import annotations

from functools import partial

from .measuring import alone, interpreters
from .program import Bench, Options, Program, bars
from .speed import LARGEST

SMALLER = ({"threads": 1}, {"block": 8})  # blocks on one thread need memory once; blocks of fewer atoms need less
BATCH = {"quantity": "full", "copies": 8}  # systems in one call,
LIMIT = {"limit": 100_000_000}  # which takes turns to keep to so many bytes above what is loaded


def cells(options: Options, bench: Bench):
    """Each library and size; NumPy with a limit of each kind; the peer where it is installed."""
    model = options.models[0]
    for atoms in (24,) if options.quick else options.atoms:
        for library in options.libraries:
            yield cell(bench.task(library, model, atoms), options)
        for change in SMALLER:
            yield cell(bench.task("numpy", model, atoms, **change), options)
        for peer, python in interpreters().items():
            if peer != "dpmodel" and atoms <= LARGEST[peer]:
                yield cell(bench.task(f"peer:{peer}", model, atoms), options, python)
    for change in ({}, LIMIT):
        yield cell(bench.task("numpy", model, 24 if options.quick else 192, **BATCH, **change), options)


def cell(task, options: Options, *python: str):
    """Labels, and what measures."""
    names = ("implementation", "atoms", "threads", "block", "copies", "limit")
    return {name: getattr(task, name) for name in names}, partial(row, task, *python)


def row(task, *python: str) -> dict:
    """The peak after two calls, and what of it came on top of the loaded program and model."""
    found = alone(task, 2, *python)
    return found | {"above_loaded_mb": found["peak_mb"] - found["loaded_mb"]}


COLUMNS = ["implementation", "atoms", "threads", "block", "copies", "limit", "peak_mb", "above_loaded_mb", "median"]
TITLE = "peak memory of the process, MB (medium, float64)"
PROGRAM = Program("memory", TITLE, COLUMNS, cells, bars("implementation atoms", "peak_mb", "MB"))

if __name__ == "__main__":
    PROGRAM.main()
