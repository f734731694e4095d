"""Compilation on JAX: time of the first call in two processes, and number of compilations while atoms move."""

from __future__ import annotations

import json
import tempfile
from functools import partial

from .measuring import output
from .program import Bench, Options, Program, bars

SCRIPT = """
import json, time, numpy, dpa2
from jax import monitoring
compiled = []
def listener(name, seconds, **facts):
    if name.endswith("backend_compile_duration"):
        compiled.append(seconds)
monitoring.register_event_duration_secs_listener(listener)
data = numpy.load({structure!r})
model = dpa2.load({model!r}, backend="jax")
x, rest = data["coordinates"], (data["types"], data["cell"])
start = time.perf_counter()
model.evaluate(x, *rest, neighbors="truncate")
first, settled, generator = time.perf_counter() - start, 0, numpy.random.default_rng(0)
for step in range({steps}):
    if step == {settle}:
        settled = len(compiled)
    moved = x + 0.1 * generator.normal(size=x.shape)
    model.evaluate(moved, *rest, neighbors="truncate")
counts = {{"compilations_first_steps": settled, "compilations_after": len(compiled) - settled}}
print(json.dumps({{"first": first}} | counts))
"""
STEPS = 60  # number of calls with moved atoms
SETTLE = 10  # number of first calls whose compilations are counted separately


def cells(options: Options, bench: Bench):
    """Yield a process with an empty cache of compiled functions, and one that reuses the cache of the first."""
    task = bench.task("jax", options.models[0], 24 if options.quick else 192)
    steps, settle = (4, 2) if options.quick else (STEPS, SETTLE)
    program = SCRIPT.format(structure=task.structure, model=task.model, steps=steps, settle=settle)
    folder = tempfile.mkdtemp(dir=bench.folder)
    yield {"process": "first"}, partial(run, program, folder)
    yield {"process": "second"}, partial(run, program, folder)


def run(program: str, folder: str) -> dict:
    """Run the program with a folder for compiled functions, and return the JSON that it prints."""
    return json.loads(output(program, DPA2_CACHE=folder).splitlines()[-1])


COLUMNS = ["process", "first", "compilations_first_steps", "compilations_after"]
TITLE = f"JAX: seconds of the first call; compilations in {SETTLE} steps of moving atoms, and in {STEPS - SETTLE} after"
PROGRAM = Program("compilation", TITLE, COLUMNS, cells, bars("process", "first", "seconds"))

if __name__ == "__main__":
    PROGRAM.main()
