"""Time of the neighbour list and of the tables made from it, per atom and as a share of an evaluation."""

from __future__ import annotations

import statistics
import time
from functools import partial

from .measuring import alone
from .program import Bench, Options, Program, lines

STEPS = 20  # number of steps with moved atoms for the list with a skin


def cells(options: Options, bench: Bench):
    """Yield a cell for each library and size."""
    for library in options.libraries:
        for atoms in (24,) if options.quick else (192, 1536, 5184):
            list_only = bench.task(library, options.models[0], atoms, quantity="neighbors")
            labels = {"library": library, "atoms": atoms}
            yield labels, partial(row, list_only, bench.task(library, options.models[0], atoms))


def row(list_only, whole) -> dict:
    """Measure the list, the evaluation, and on NumPy the list with a skin."""
    found, evaluation = alone(list_only, 5)["median"], alone(whole, 3)["median"]
    reused = kept_list(whole) if whole.implementation == "numpy" else None
    return {"list": found, "evaluation": evaluation, "share_percent": 100 * found / (found + evaluation),
            "us_per_atom": 1e6 * found / whole.atoms, "skin_list": reused}  # fmt: skip


def kept_list(task) -> float:
    """Time of updating a list with a skin, relative to the time of a new list, averaged over steps."""
    import numpy as np

    import dpa2
    from dpa2.neighbors import SkinList

    data, model = np.load(task.structure), dpa2.load(task.model)
    skin = SkinList(*model.cutoffs.repinit, 0.5, neighbors="truncate", type_map=model.type_map)
    generator, ratios = np.random.default_rng(0), []
    coordinates = data["coordinates"]
    for _ in range(STEPS):
        coordinates = coordinates + 0.01 * generator.normal(size=coordinates.shape)
        system = model.checked(dpa2.System(coordinates, data["types"], data["cell"]))
        kept, fresh = timed(skin.update, system), timed(model.neighbors, system, "truncate")
        ratios.append(kept / fresh)
    return statistics.mean(ratios)


def timed(function, *arguments) -> float:
    """Return the seconds that one call takes."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


COLUMNS = ["library", "atoms", "list", "evaluation", "share_percent", "us_per_atom", "skin_list"]
TITLE = "neighbour list and blocks: seconds, share of an evaluation, and a kept list's share of a fresh one"
PROGRAM = Program("neighbors", TITLE, COLUMNS, cells, lines("us_per_atom", "µs for each atom"))

if __name__ == "__main__":
    PROGRAM.main()
