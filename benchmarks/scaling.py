"""Time and memory per atom against the number of atoms."""

from __future__ import annotations

from functools import partial

from .measuring import alone
from .program import Bench, Options, Program, lines

ATOMS = (192, 1536, 5184, 20577)  # numbers of atoms of cubic boxes of 4³, 8³, 12³ and 19³ molecules


def cells(options: Options, bench: Bench):
    """Yield a cell for each library and number of atoms."""
    for library in options.libraries:
        for atoms in (24, 48) if options.quick else ATOMS:
            task = bench.task(library, options.models[0], atoms)
            yield {"library": library, "atoms": atoms}, partial(row, task, 3 if atoms < 5000 else 2)


def row(task, calls: int) -> dict:
    """Measure one cell, with time and memory per atom."""
    found = alone(task, calls)
    per_atom = 1000 * found["median"] / task.atoms
    return found | {"ms_per_atom": per_atom, "mb_per_atom": found["peak_mb"] / task.atoms}


def summary(rows: list[dict]) -> list[str]:
    """Sentences on the variation of the time per atom and the growth of memory, one for each library."""
    return [of_library(library, [r for r in rows if r["library"] == library])
            for library in dict.fromkeys(row["library"] for row in rows)]  # fmt: skip


def of_library(library: str, rows: list[dict]) -> str:
    """Return the sentence for one library."""
    costs, (first, *_, last) = [row["ms_per_atom"] for row in rows], rows
    slope = 1000 * (last["peak_mb"] - first["peak_mb"]) / (last["atoms"] - first["atoms"])
    mean = sum(costs) / len(costs)
    return (f"{library}: the cost for each atom is {mean:.2f} ms, from {100 * min(costs) / mean - 100:+.0f} to "
            f"{100 * max(costs) / mean - 100:+.0f} %; each atom more takes {slope:.0f} kB more")  # fmt: skip


COLUMNS = ["library", "atoms", "median", "ms_per_atom", "peak_mb", "mb_per_atom", "first"]
TITLE = "cost for each atom against the number of atoms (medium, float64)"
PROGRAM = Program("scaling", TITLE, COLUMNS, cells, lines("ms_per_atom", "ms for each atom"), summary)

if __name__ == "__main__":
    PROGRAM.main()
