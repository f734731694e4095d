"""Seconds per call for energy, forces and virial, and for the descriptor, in turns with DeePMD-kit."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from .measuring import alone, interpreters, pair
from .program import Bench, Options, Program, bars

AGAINST = {"numpy": ("jax",), "jax": ("jax",), "torch": ("pt", "jax")}  # back ends of DeePMD-kit to compare with
MISSING = "the peer is not installed here: its ratios are missing (DPA2_PEER_PYTHON names its interpreters)"
LARGEST = {"jax": 1536, "pt": 1536, "dpmodel": 192}  # most atoms for which DeePMD-kit has memory or time here
LARGEST_ON_GPU = 5184  # most atoms for which DeePMD-kit has memory on a GPU


def cells(options: Options, bench: Bench):
    """Yield all sizes of the first model, then its other precisions and the other models at the smallest size."""
    python = interpreters()
    for model, dtype, atoms in grid(options):
        for library in options.libraries:
            yield from compared(bench.task(library, model, atoms, dtype), model, AGAINST[library], python, options)
    model, dtype, atoms = grid(options)[0]
    for library in options.libraries:
        task = bench.task(library, model, atoms, dtype, quantity="full")
        yield labels_of(task, model), partial(alone, task, options.calls)
    if "numpy" in options.libraries:
        task = bench.task("numpy", model, atoms, dtype, quantity="descriptor")
        yield from compared(task, model, ("dpmodel",), python, options)


def grid(options: Options) -> list[tuple[str, str, int]]:
    """Models, precisions and numbers of atoms of the cells."""
    (model, *models), (dtype, *dtypes) = options.models, options.dtypes
    least, *sizes = (24,) if options.quick else options.atoms
    cells = [(model, dtype, n) for n in (least, *sizes)] + [(model, other, least) for other in dtypes]
    return cells + [(other, dtype, least) for other in models]


def labels_of(task, model: str) -> dict:
    """Labels of a row."""
    return {"model": model, "quantity": task.quantity, "library": task.implementation, "atoms": task.atoms,
            "dtype": task.dtype}  # fmt: skip


def compared(task, model: str, peers, python: dict, options: Options):
    """Yield a cell in turns with each back end of DeePMD-kit that is installed, or alone if there is none."""
    labels = labels_of(task, model)
    largest = LARGEST if task.device == "cpu" else dict.fromkeys(LARGEST, LARGEST_ON_GPU)
    able = [p for p in peers if p in python and task.atoms <= largest[p]]
    for peer in able:
        other = replace(task, implementation=f"peer:{peer}")
        yield labels, partial(pair, task, other, python[peer], options.calls)
    if not able:
        missing = {} if task.atoms > min(largest[p] for p in peers) else {"remark": MISSING}
        yield labels | missing, partial(alone, task, options.calls)


COLUMNS = ["model", "quantity", "library", "atoms", "dtype", "median", "peak_mb", "gpu_mb", "peer", "peer_median"]
COLUMNS += ["faster", "slowest", "fastest", "leaner", "calls", "deviation"]
PROGRAM = Program("speed", "energy, forces and virial: seconds a call, two threads, neighbour list given", COLUMNS,
                  cells, bars("model library atoms dtype", "median", "seconds a call"))  # fmt: skip

if __name__ == "__main__":
    PROGRAM.main()
