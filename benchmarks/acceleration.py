"""Speed of a model before and after `model.accelerate()`."""

from __future__ import annotations

from functools import partial

from .measuring import alone
from .program import Bench, Options, Program, bars


def cells(options: Options, bench: Bench):
    """Yield a cell for each library with embedding nets, and one with their expansions."""
    for library in options.libraries:
        for accelerated in (False, True):
            atoms = 24 if options.quick else 192
            task = bench.task(library, options.models[0], atoms, accelerated=accelerated)
            yield {"library": library, "expanded": accelerated}, partial(alone, task, options.calls)


COLUMNS = ["library", "expanded", "median", "min", "peak_mb"]
PROGRAM = Program("acceleration", "embedding nets against their Chebyshev expansions (192 atoms, medium, float64)",
                  COLUMNS, cells, bars("library expanded", "median", "seconds a call"))  # fmt: skip

if __name__ == "__main__":
    PROGRAM.main()
