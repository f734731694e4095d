"""Peak memory of the process: each library, DeePMD-kit, and the options that reduce memory."""

from __future__ import annotations

from functools import partial

from .measuring import alone, interpreters
from .program import Bench, Options, Program, bars
from .speed import LARGEST

SMALLER = ({"threads": 1}, {"block": 8})  # options that reduce memory: one thread, chunks of 8 atoms
BATCH = {"quantity": "full", "copies": 8}  # eight systems evaluated in one call
LIMIT = {"limit": 100_000_000}  # limit of memory for that call, in bytes above those of the loaded program


def cells(options: Options, bench: Bench):
    """Yield a cell for each library and size, NumPy with each option, and DeePMD-kit if it is installed."""
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
    """Return the labels of a row and the function that measures it."""
    names = ("implementation", "atoms", "threads", "block", "copies", "limit")
    return {name: getattr(task, name) for name in names}, partial(row, task, *python)


def row(task, *python: str) -> dict:
    """Measure the peak after two calls, and its excess over the loaded program and model."""
    found = alone(task, 2, *python)
    return found | {"above_loaded_mb": found["peak_mb"] - found["loaded_mb"]}


COLUMNS = ["implementation", "atoms", "threads", "block", "copies", "limit", "peak_mb", "above_loaded_mb", "median"]
TITLE = "peak memory of the process, MB (medium, float64)"
PROGRAM = Program("memory", TITLE, COLUMNS, cells, bars("implementation atoms", "peak_mb", "MB"))

if __name__ == "__main__":
    PROGRAM.main()
