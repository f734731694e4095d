"""A step of dynamics with a potential against an evaluation of the same positions with their neighbour list given."""

from __future__ import annotations

import json
import statistics
import time
from functools import partial

from .measuring import Failed, output
from .program import Bench, Options, Program, bars

MOVE = 0.002  # Å, of each atom and axis in a step, at random
LIMIT = 1e-9  # largest difference of the forces, relative to the largest

STEPS = """
import json, sys
from benchmarks.dynamics import in_turns
print(json.dumps(in_turns(*json.loads({arguments!r}))))
"""


def cells(options: Options, bench: Bench):
    """Yield a cell for each library."""
    atoms = 24 if options.quick else options.atoms[0]
    for library in options.libraries:
        task = bench.task(library, options.models[0], atoms)
        yield {"library": library, "atoms": atoms}, partial(row, task.model, library, atoms, options.calls)


def row(*arguments) -> dict:
    """Measure in a process of its own."""
    return json.loads(output(STEPS.format(arguments=json.dumps(arguments))))


def in_turns(file: str, library: str, atoms: int, calls: int) -> dict:
    """Return seconds of both and the ratios, step by step.

    list_given: the evaluation with its list, from which chunks are made. chunks_given: with chunks of the same
    positions, so the arithmetic alone.
    """
    import numpy as np

    import dpa2
    from dpa2.model.preparation import check_system, in_chunks, list_neighbors
    from dpa2.testing import water_box

    model = dpa2.load(file, backend=library)
    box, random = water_box(atoms // 3, seed=0), np.random.default_rng(0)
    potential, host = model.potential(box), model.backend.to_numpy
    positions, seconds = box.coordinates, []
    for _ in range(2 + calls):
        positions = positions + MOVE * random.standard_normal(positions.shape)
        system = check_system(model.config, dpa2.System(positions, box.types, box.cell))
        found = list_neighbors(model.config, system)
        worker = model.worker
        ready, program = in_chunks(worker.config, worker.backend, [system], [found]), worker.program_for([found])
        a, forces = timed(lambda here: host(potential(here).forces), positions)
        b, expected = timed(lambda s, n: host(model.compute([s], [n])[0].forces), system, found)
        c, _ = timed(partial(arithmetic, worker.backend), program, ready)
        seconds.append((a, b, c))
        if not abs(forces - expected).max() <= LIMIT * abs(expected).max():
            raise Failed("the two sides compute different numbers")
    step, listed, prepared = zip(*seconds[2:], strict=True)
    return {
        "step": statistics.median(step),
        "list_given": statistics.median(listed),
        "chunks_given": statistics.median(prepared),
        "ratio": statistics.median(a / b for a, b in zip(step, listed, strict=True)),
        "ratio_chunks": statistics.median(a / b for a, b in zip(step, prepared, strict=True)),
        "calls": calls,
    }


def arithmetic(backend, program, ready):
    """Return the forces of prepared systems."""
    from dpa2.evaluation.forces import evaluate_prepared

    return backend.to_numpy(evaluate_prepared(program, backend, ready, False)[0].forces)


def timed(function, *arguments) -> tuple:
    """Return the seconds that one call takes, and its result."""
    start = time.perf_counter()
    found = function(*arguments)
    return time.perf_counter() - start, found


COLUMNS = ["library", "atoms", "step", "list_given", "chunks_given", "ratio", "ratio_chunks", "calls"]
TITLE = "a step with a potential, and evaluations with a list or chunks given: seconds (medium, float64)"
PROGRAM = Program("dynamics", TITLE, COLUMNS, cells, bars("library atoms", "ratio", "potential / evaluation"))

if __name__ == "__main__":
    PROGRAM.main()
