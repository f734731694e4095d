"""Time to import the package, and to the first result of a new process."""

from __future__ import annotations

import statistics
import time
from functools import partial

from .measuring import output
from .program import Bench, Options, Program, bars

IMPORT = "import time; t = time.perf_counter(); import dpa2; print(time.perf_counter() - t)"
FIRST = """
import time; t = time.perf_counter()
import numpy, dpa2
data = numpy.load({structure!r})
model = dpa2.load({model!r}, backend={library!r})
model.evaluate(data["coordinates"], data["types"], data["cell"], neighbors="truncate")
print(time.perf_counter() - t)
"""


def cells(options: Options, bench: Bench):
    """Yield the import, and the first result on each library, with nothing compiled before."""
    runs = 2 if options.quick else 7
    yield {"what": "import dpa2"}, partial(times, IMPORT, runs)
    for library in options.libraries:
        task = bench.task(library, options.models[0], 24 if options.quick else 192)
        program = FIRST.format(structure=task.structure, model=task.model, library=library)
        yield {"what": f"first result, {library}"}, partial(times, program, runs if library == "numpy" else 2)


def times(program: str, runs: int) -> dict:
    """Median seconds that a program reports, and of its whole process."""
    inside, whole = [], []
    for _ in range(runs):
        start = time.perf_counter()
        inside.append(float(output(program).split()[-1]))
        whole.append(time.perf_counter() - start)
    return {"seconds": statistics.median(inside), "process": statistics.median(whole), "runs": runs}


PROGRAM = Program("startup", "seconds from a fresh interpreter", ["what", "seconds", "process", "runs"], cells,
                  bars("what", "seconds", "seconds"))  # fmt: skip

if __name__ == "__main__":
    PROGRAM.main()
