"""Compilation on JAX: the first call in two processes, atoms that move, and systems of many sizes one after another."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from functools import partial

from .measuring import Failed, environment, output
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

# Boxes of water of 1 to 100 molecules at random, and clusters of other densities in turn with them. A line is printed
# after each number of systems that is asked for. Slots are those of pairs of neighbours, which cost most.
SERIES = """
import dataclasses, json, os, sys, numpy, dpa2
from jax import monitoring
from pathlib import Path
from dpa2 import testing
compiled, slots, needed = [], 0, 0
def listener(name, seconds, **facts):
    if name.endswith("backend_compile_duration"):
        compiled.append(seconds)
monitoring.register_event_duration_secs_listener(listener)
model, generator = testing.perturbed_model(testing.small_config(), seed=1, backend="jax"), numpy.random.default_rng(0)
marks = json.loads(sys.argv[1])
for k in range(1, max(marks) + 1):
    system = testing.water_box(int(generator.integers(1, 101)), seed=k)
    if k % 2 == 0:
        spread = generator.uniform(0.9, 1.5) * system.coordinates
        system = dataclasses.replace(system, coordinates=spread, cell=None)
    for chunk in model.prepare_systems([system], neighbors="truncate").plan.chunks:
        slots += len(chunk.types) * chunk.repformer_width ** 2
        needed += int((chunk.repformer_count ** 2).sum())
    model.evaluate_many([system], neighbors="truncate")
    if k in marks:
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * 4096 // 10**6
        maps = Path("/proc/self/maps").read_text().count("\\n")
        kept = sum(file.stat().st_size for file in Path(os.environ["DPA2_CACHE"]).rglob("*")) // 10**6
        facts = {"compilations": len(compiled), "seconds_compiling": sum(compiled), "mb": resident, "kept_mb": kept}
        print(json.dumps(facts | {"maps": maps, "slots_to_pairs": slots / needed}), flush=True)
"""
MARKS = (1, 10, 100, 200, 300, 1000, 2000)  # numbers of systems after which is counted


def series_cells(options: Options, bench: Bench):
    """Yield one cell for each number of systems; one process evaluates them all."""
    marks = (1, 4) if options.quick else MARKS
    command = [sys.executable, "-W", "ignore", "-c", SERIES, json.dumps(marks)]
    kept = {"DPA2_CACHE": tempfile.mkdtemp(dir=bench.folder)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment(2) | kept)
    for mark in marks:
        yield {"systems": mark}, partial(next_line, process)


def next_line(process: subprocess.Popen) -> dict:
    """Return the next line of a process as JSON."""
    line = process.stdout.readline()
    if not line:
        raise Failed(f"ended with code {process.wait()}")
    return json.loads(line)


SERIES_COLUMNS = ["systems", "compilations", "seconds_compiling", "mb", "kept_mb", "maps", "slots_to_pairs"]
SERIES_TITLE = "JAX: compilations, resident memory and memory maps while systems of random sizes are evaluated"
SERIES_PROGRAM = Program(
    "sizes", SERIES_TITLE, SERIES_COLUMNS, series_cells, bars("systems", "compilations", "compilations")
)

if __name__ == "__main__":
    for program in (PROGRAM, SERIES_PROGRAM):
        program.main()
