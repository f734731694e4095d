"""Parts that all benchmark programs share: options, tasks, progress and the report."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from . import report
from .measuring import Failed
from .task import Task, model_file, structure_file

LIBRARIES = ("numpy", "torch", "jax")


@dataclass(frozen=True)
class Options:
    """Choice of cells, and the folder for results; with `quick`, one small cell of each kind."""

    libraries: tuple[str, ...] = LIBRARIES
    models: tuple[str, ...] = ("medium", "small", "large")
    atoms: tuple[int, ...] = (192, 1536, 5184)
    dtypes: tuple[str, ...] = ("float64", "float32")
    calls: int = 7
    device: str = "cpu"
    quick: bool = False
    results: Path = report.RESULTS


@dataclass(frozen=True)
class Bench:
    """Maker of tasks for a device; their files are written to a folder."""

    folder: Path
    device: str = "cpu"

    def task(self, implementation: str, model: str, atoms: int, dtype: str = "float64", **more) -> Task:
        """Return a task; `more` are other fields of `Task`."""
        file = model_file(model, dtype, self.folder)
        structure = structure_file(atoms, file, self.folder)
        return Task(implementation, str(file), str(structure), atoms, dtype, device=self.device, **more)


@dataclass(frozen=True)
class Program:
    """One benchmark: `cells` yields labels and a function that measures a row; `summary` returns sentences."""

    name: str
    title: str
    columns: list[str]
    cells: Callable[[Options, Bench], Iterable[tuple[dict, Callable[[], dict]]]]
    draw: Callable
    summary: Callable[[list[dict]], list[str]] = lambda rows: []

    def run(self, options: Options) -> list[dict]:
        """Measure all cells, publish the report, and return the rows."""
        from rich.progress import Progress

        with tempfile.TemporaryDirectory() as folder, Progress(transient=True) as progress:
            cells = list(self.cells(options, Bench(Path(folder), options.device)))
            tracked = progress.track(cells, description=self.name)
            rows = [measured(measure) | labels for labels, measure in tracked]
        report.publish(self, rows, options.results)
        return rows

    def main(self) -> None:
        """Run the program with the options of the command line."""
        self.run(options_from_command_line(self.title))


def measured(measure: Callable[[], dict]) -> dict:
    """Measure a row; if that fails, return a row with a note that says why."""
    try:
        return measure()
    except Failed as failure:
        return {"note": str(failure)}


def options_from_command_line(title: str) -> Options:
    """Parse the command line of a program."""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--libraries", nargs="+", default=LIBRARIES, choices=LIBRARIES)
    parser.add_argument("--models", nargs="+", default=Options.models, choices=Options.models)
    parser.add_argument("--atoms", nargs="+", type=int, default=Options.atoms, help="numbers of atoms, multiples of 3")
    parser.add_argument("--dtypes", nargs="+", default=Options.dtypes, choices=Options.dtypes)
    parser.add_argument("--calls", type=int, default=Options.calls, help="timed calls of each cell, after a first call")
    parser.add_argument("--device", default=Options.device, choices=("cpu", "cuda"), help="device of PyTorch and JAX")
    parser.add_argument("--quick", action="store_true", help="one small cell of each kind")
    parser.add_argument("--results", type=Path, default=report.RESULTS, help="folder for JSON and pictures")
    given = vars(parser.parse_args())
    return Options(**{n: tuple(v) if isinstance(v, list) else v for n, v in given.items()})


def bars(label: str, value: str, unit: str) -> Callable:
    """Return a function that draws one bar for each row, named by the columns in `label`."""

    def draw(axes, rows):
        names = ["\n".join(str(row[c]) for c in label.split()) for row in rows]
        axes.bar(range(len(rows)), [row[value] or 0.0 for row in rows])
        axes.set_xticks(range(len(rows)), names, fontsize=7)
        axes.set_ylabel(unit)

    return draw


def lines(value: str, unit: str) -> Callable:
    """Return a function that draws one line for each library against the number of atoms."""

    def draw(axes, rows):
        for library in dict.fromkeys(row["library"] for row in rows):
            mine = [row for row in rows if row["library"] == library]
            axes.plot([row["atoms"] for row in mine], [row[value] for row in mine], "o-", label=library)
        axes.set(xscale="log", xlabel="atoms", ylabel=unit, ylim=(0, None))
        axes.legend()

    return draw
