"""`dpa2 check TARGET`: where another implementation first goes wrong."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress
from rich.table import Table

from ..errors import InputError
from .app import AsJson, app, err, one_line, out, tell
from .exit_codes import DIFFERENT


@app.command()
def check(
    targets: Annotated[
        list[str] | None, typer.Argument(help="package.module:function, or two files: VECTOR CANDIDATE.")
    ] = None,
    command: Annotated[str | None, typer.Option(help='A program: "prog {inputs} {outputs}".')] = None,
    folder: Annotated[str | None, typer.Option("--vectors", help="A folder of vectors, not those of dpa2.")] = None,
    only: Annotated[str, typer.Option(help="Vectors whose names contain this.")] = "",
    without: Annotated[str, typer.Option("--skip", help="Leave out vectors whose names contain this.")] = "",
    single: Annotated[bool, typer.Option("--float32", help="In float32, not in float64.")] = False,
    tolerance: Annotated[float | None, typer.Option(help="Of the largest entry; 1e-12, in float32 3e-5.")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds that a program may take for a vector.")] = 600.0,
    page: Annotated[str | None, typer.Option("--html", help="Write a page with pictures.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare every intermediate with the reference; name the first that differs, and what causes that."""
    from ..conformance import report as reporting
    from ..serialization.atomic import replacing

    dtype = "float32" if single else "float64"
    if tolerance is not None and not 0 < tolerance < math.inf:
        raise InputError(f"a tolerance is a positive number, not {tolerance}", argument="tolerance")
    if command is None and len(targets or []) == 2:
        if only or without or folder:
            raise InputError(
                "two files are compared as they are: without --only, --skip, --vectors", argument="targets"
            )
        reports = [of_files(targets or [], dtype, tolerance)]
    else:
        reports = of_target(targets or [], command, timeout, chosen(folder, only, without), dtype, tolerance, as_json)
    if page is not None:
        with replacing(page) as new:
            new.write_text(reporting.page(reports, command or " ".join(targets or [])))
    if as_json:
        tell(facts(reports))
    else:
        show(reports)
        for line in reporting.verdict(reports):
            out.print(one_line(line), markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(DIFFERENT if reporting.earliest(reports) else 0)


def chosen(folder: str | None, only: str, without: str):
    """The vectors to check; an error if there are none."""
    from ..conformance.vectors import read, shipped

    found = shipped() if folder is None else [read(path) for path in sorted(Path(folder).glob("*.safetensors"))]
    vectors = [v for v in found if only in v.name and not (without and without in v.name)]
    if not vectors:
        where = f"in {folder}" if folder else f"among {', '.join(vector.name for vector in found)}"
        raise InputError(f"there is no vector with {only!r} in its name {where}", argument="only")
    return vectors


def of_files(files: list[str], dtype: str, tolerance: float | None):
    """The report on two files."""
    from ..conformance.check import check as compare
    from ..conformance.targets import read_arrays
    from ..conformance.vectors import read

    reference, candidate = map(Path, files)
    return compare(read(reference), read_arrays(candidate, dtype), dtype, tolerance)


def of_target(targets: list[str], command: str | None, timeout, vectors, dtype: str, tolerance, quiet: bool):
    """The reports on a function or a program."""
    from ..conformance import targets as kinds
    from ..conformance.check import check_all

    if (command is None) == (len(targets) != 1):
        raise InputError("one function, one --command, or two files are wanted", argument="targets")
    target = kinds.function(targets[0]) if command is None else kinds.command(command, timeout)
    with Progress(console=err, transient=True, disable=quiet) as progress:
        task = progress.add_task("checking", total=len(vectors))
        reports = check_all(target, vectors, (dtype,), tolerance, lambda report: progress.advance(task))
    if all(report.skipped for report in reports):
        raise InputError("the target implements none of the vectors", argument="targets")
    return reports


def facts(reports) -> dict:
    """The reports as JSON."""
    from ..conformance import report as reporting

    first, found = reporting.earliest(reports), reporting.common_explanations(reports)
    causes = [
        {"name": e.cause.name, "words": e.cause.words, "section": e.cause.section, "until": e.until} for e in found
    ]
    vectors = [plain(report) for report in reports]
    return {"agrees": first is None, "first": first and first.name, "causes": causes, "vectors": vectors}


def plain(report) -> dict:
    """One report."""
    divergence = report.divergence
    first = divergence and {n: finite(x) for n, x in asdict(divergence.finding).items()} | {
        "after": divergence.after, "between": list(divergence.between), "next": divergence.next_dump
    }  # fmt: skip
    errors = {f.name: finite(f.error) for f in report.findings if not f.missing}
    about = {"name": report.name, "dtype": report.dtype, "tolerance": report.tolerance, "skipped": report.skipped}
    return about | {"given": report.given, "unknown": list(report.unknown), "errors": errors, "first": first}


def finite(value):
    """Numbers that JSON has, and names of those that it has not."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def show(reports) -> None:
    """A row for each vector."""
    table = Table("vector", "given", "largest error", "first divergence", "only empty slots", title=reports[0].dtype)
    for report in reports:
        first = report.skipped or report.first or "-"
        empty = "yes" if not report.divergence and any(f.empty_differ for f in report.findings) else ""
        table.add_row(report.name, f"{report.given}", f"{report.largest_error:.1e}", first, empty)
    out.print(table)
    unknown = dict.fromkeys(name for report in reports for name in report.unknown)
    if unknown:
        out.print(one_line(f"not compared: {', '.join(unknown)}"), markup=False, highlight=False, soft_wrap=True)
