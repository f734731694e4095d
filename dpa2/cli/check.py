"""`dpa2 check TARGET`: where another implementation first goes wrong."""

from __future__ import annotations

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
        list[str] | None, typer.Argument(help="package.module:function, or two files: REFERENCE CANDIDATE.")
    ] = None,
    command: Annotated[str | None, typer.Option(help='A program: "prog {inputs} {outputs}".')] = None,
    only: Annotated[str | None, typer.Option(help="Vectors whose names contain this.")] = None,
    single: Annotated[bool, typer.Option("--float32", help="In float32 too.")] = False,
    tolerance: Annotated[float | None, typer.Option(help="Of the largest entry; 1e-9, in float32 1e-4.")] = None,
    page: Annotated[str | None, typer.Option("--html", help="Write a page with pictures.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare every intermediate with the reference; name the first that differs, and what causes that."""
    from ..conformance import report as reporting
    from ..serialization.atomic import replacing

    name = command or " ".join(targets or [])
    reports = checked(targets or [], command, only, single, tolerance, as_json)
    if page is not None:
        with replacing(page) as new:
            new.write_text(reporting.page(reports, name))
    if as_json:
        tell({"agrees": reporting.earliest(reports) is None, "vectors": [plain(r) for r in reports],
              "causes": [c.name for c in reporting.common_causes(reports)]})  # fmt: skip
    else:
        show(reports)
        for line in reporting.verdict(reports):
            out.print(one_line(line), markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(0 if reporting.earliest(reports) is None else DIFFERENT)


def checked(targets, command, only, single: bool, tolerance, quiet: bool):
    """The reports on what the arguments name."""
    from ..conformance import targets as kinds
    from ..conformance.check import check as check_one
    from ..conformance.check import check_all
    from ..conformance.vectors import read, shipped

    if command is None and len(targets) == 2:
        return [check_one(read(Path(targets[0])), kinds.read_arrays(Path(targets[1])), tolerance=tolerance)]
    if (command is None) == (len(targets) != 1):
        raise InputError("one function, one --command, or two files are wanted", argument="targets")
    target = kinds.function(targets[0]) if command is None else kinds.command(command)
    vectors = [vector for vector in shipped() if only is None or only in vector.name]
    dtypes = ("float64", "float32") if single else ("float64",)
    with Progress(console=err, transient=True, disable=quiet) as progress:
        task = progress.add_task("checking", total=len(vectors) * len(dtypes))
        return check_all(target, vectors, dtypes, tolerance, lambda report: progress.advance(task))


def plain(report) -> dict:
    """A report as JSON."""
    divergence = report.divergence
    first = divergence and asdict(divergence.finding) | {
        "after": divergence.after, "between": list(divergence.between), "next": divergence.next_dump
    }  # fmt: skip
    return {"name": report.name, "dtype": report.dtype, "given": report.given, "first": first}


def show(reports) -> None:
    """A row for each vector."""
    table = Table("vector", "given", "largest error", "first divergence", "only empty slots differ")
    for report in reports:
        worst = max((f.error for f in report.findings if not f.missing), default=0.0)
        first = report.divergence.finding.name if report.divergence else "-"
        empty = "yes" if not report.divergence and any(f.empty_differ for f in report.findings) else ""
        table.add_row(f"{report.name} {report.dtype}", f"{report.given}", f"{worst:.1e}", first, empty)
    out.print(table)
