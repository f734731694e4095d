"""Energy, forces and virial, and the descriptor alone: seconds a call, beside the peer's in the same run."""

from __future__ import annotations

from functools import partial

from .measuring import alone, interpreters, pair
from .program import Bench, Options, Program, bars

AGAINST = {"numpy": ("jax",), "jax": ("jax",), "torch": ("pt", "jax")}  # who gives forces, and is fastest
MISSING = "the peer is not installed here: its ratios are missing (DPA2_PEER_PYTHON names its interpreters)"
LARGEST = {"jax": 1536, "pt": 1536, "dpmodel": 192}  # atoms that the peer's back ends have memory or time for


def cells(options: Options, bench: Bench):
    """Every library, model, size and precision; with the list inside the time (`full`); the descriptor on NumPy."""
    python = interpreters()
    atoms = (24,) if options.quick else options.atoms
    for model in options.models:
        for dtype in options.dtypes:
            for n in atoms:
                for library in options.libraries:
                    task = bench.task(library, model, n, dtype)
                    yield from compared(task, model, AGAINST[library], python, options)
            for library in options.libraries:
                task = bench.task(library, model, atoms[0], dtype, quantity="full")
                yield labels_of(task, model), partial(alone, task, options.calls)
            if "numpy" in options.libraries:
                task = bench.task("numpy", model, atoms[0], dtype, quantity="descriptor")
                yield from compared(task, model, ("dpmodel",), python, options)


def labels_of(task, model: str) -> dict:
    """What a row is called."""
    return {"model": model, "quantity": task.quantity, "library": task.implementation, "atoms": task.atoms,
            "dtype": task.dtype}  # fmt: skip


def compared(task, model: str, peers, python: dict, options: Options):
    """A cell in turns with each peer that is here, or alone."""
    from dataclasses import replace

    labels = labels_of(task, model)
    able = [p for p in peers if p in python and task.atoms <= LARGEST[p]]
    for peer in able:
        other = replace(task, implementation=f"peer:{peer}")
        yield labels, partial(pair, task, other, python[peer], options.calls)
    if not able:
        missing = {} if task.atoms > min(LARGEST[p] for p in peers) else {"remark": MISSING}
        yield labels | missing, partial(alone, task, options.calls)


COLUMNS = ["model", "quantity", "library", "atoms", "dtype", "median", "peak_mb", "peer", "peer_median", "faster"]
COLUMNS += ["slowest", "fastest", "leaner", "calls", "deviation"]
PROGRAM = Program("speed", "energy, forces and virial: seconds a call, two threads, neighbour list given", COLUMNS,
                  cells, bars("model library atoms dtype", "median", "seconds a call"))  # fmt: skip

if __name__ == "__main__":
    PROGRAM.main()
