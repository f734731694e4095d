"""Peak memory of the whole process: each library, and NumPy on one thread."""

from __future__ import annotations

from functools import partial

from .measuring import alone
from .program import Bench, Options, Program, bars


def cells(options: Options, bench: Bench):
    """Each library and size; then NumPy on one thread, whose blocks need memory once."""
    for atoms in (24,) if options.quick else options.atoms:
        for library in options.libraries:
            task = bench.task(library, options.models[0], atoms)
            yield {"library": library, "atoms": atoms, "threads": 2}, partial(alone, task, 2)
        task = bench.task("numpy", options.models[0], atoms, threads=1)
        yield {"library": "numpy", "atoms": atoms, "threads": 1}, partial(alone, task, 2)


COLUMNS = ["library", "atoms", "threads", "peak_mb"]
TITLE = "peak memory of the process, MB (medium, float64)"
PROGRAM = Program("memory", TITLE, COLUMNS, cells, bars("library atoms threads", "peak_mb", "MB"))

if __name__ == "__main__":
    PROGRAM.main()
