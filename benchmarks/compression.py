"""Speed of a model before and after compression, and of the compressed model in DeePMD-kit."""

from __future__ import annotations

from functools import partial

from .measuring import alone, interpreters, pair
from .program import Bench, Options, Program, bars


def cells(options: Options, bench: Bench):
    """Yield a cell for each library with nets and with tables; PyTorch in turns with DeePMD-kit on PyTorch."""
    python, atoms = interpreters(), 24 if options.quick else 192
    for library in options.libraries:
        for compressed in (False, True):
            task = bench.task(library, "compressible", atoms, compressed=compressed)
            labels = {"library": library, "compressed": compressed}
            if library == "torch" and "pt" in python:
                other = bench.task("peer:pt", "compressible", atoms, compressed=compressed)
                yield labels, partial(pair, task, other, python["pt"], options.calls)
            else:
                yield labels, partial(alone, task, options.calls)


COLUMNS = ["library", "compressed", "median", "min", "peak_mb", "peer", "peer_median", "faster", "deviation"]
PROGRAM = Program("compression", "nets against tables (192 atoms, compressible, float64)", COLUMNS, cells,
                  bars("library compressed", "median", "seconds a call"))  # fmt: skip

if __name__ == "__main__":
    PROGRAM.main()
