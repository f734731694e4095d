"""`dpa2 check TARGET`: compare another implementation with the reference, intermediate by intermediate."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ...errors import FileMissing, InputError
from ...exit_codes import DIFFERENT
from ..app import AsJson, Group, verb
from ..output import Table, progress, tell, tell_line, tell_table, tell_written


@verb(
    Group.CONFORM, 1,
    "dpa2 check mine:evaluate",
    "dpa2 check mine:evaluate --only tiny --html page.html",
    "dpa2 check --command './mine {inputs} {outputs}' --float32",
    "dpa2 check vector.safetensors results.safetensors",
    foreign_code=True,
)  # fmt: skip
def check(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            help="The function to check, as package.module:function; or two files: a vector, and the results for it.",
            metavar="FUNCTION | VECTOR RESULTS",
        ),
    ] = None,
    command: Annotated[
        str | None,
        typer.Option(help="The program to check; {inputs} and {outputs} stand for the files to read and to write."),
    ] = None,
    folder: Annotated[
        str | None, typer.Option("--vectors", help="Folder of vectors to use instead of those in this package.")
    ] = None,
    heads: Annotated[
        bool,
        typer.Option("--heads", help="Use the vectors of properties, densities of states, dipoles, polarizabilities."),
    ] = False,
    only: Annotated[str, typer.Option(help="Use only vectors whose names contain this text.")] = "",
    skip: Annotated[str, typer.Option(help="Leave out vectors whose names contain this text.")] = "",
    without: Annotated[
        list[str] | None,
        typer.Option(help="Leave out vectors with this feature, as excluded_pairs (docs/conformance.md); repeatable."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="List the vectors that agree, too.")] = False,
    single: Annotated[bool, typer.Option("--float32", help="Compare in float32 instead of float64.")] = False,
    tolerance: Annotated[
        float | None,
        typer.Option(help="Largest error allowed, relative to the largest entry.", show_default="1e-12; float32: 3e-5"),
    ] = None,
    timeout: Annotated[
        float, typer.Option(help="Seconds after which the program is stopped; for each vector.")
    ] = 600.0,
    page: Annotated[str | None, typer.Option("--html", help="Write the result with figures to this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Find the first intermediate in which another implementation differs from the reference, and the likely cause.

    The exit code is 6 if anything differs.
    """
    from ...conformance import report as reporting
    from ...serialization.atomic import replacing

    dtype = "float32" if single else "float64"
    if tolerance is not None and not 0 < tolerance < math.inf:
        raise InputError(f"--tolerance {tolerance}: must be a positive number", argument="tolerance")
    if page is not None and Path(page).suffix.lower() not in (".html", ".htm"):
        raise InputError(f"--html {page}: the name of the page must end with .html", argument="html")
    if command is None and len(targets or []) == 2:
        if only or skip or without or folder or heads:
            rule = "two files are compared as they are; leave out --only, --skip, --without, --vectors and --heads"
            raise InputError(rule, argument="targets")
        reports = [of_files(targets or [], dtype, tolerance)]
    else:
        vectors = chosen(folder, heads, only, skip, without or [])
        reports = of_target(targets or [], command, timeout, vectors, dtype, tolerance, as_json)
    if page is not None:
        with replacing(page) as new:
            text = reporting.page(reports, command or " ".join(targets or []))
            new.write_text(text, encoding="utf-8", errors="backslashreplace")
    if as_json:
        tell(facts(reports))
    else:
        show(reports, every)
        for line in reporting.verdict(reports):
            tell_line(line)
        tell_written(page)
    raise typer.Exit(DIFFERENT if reporting.earliest(reports) else 0)


def chosen(folder: str | None, heads: bool, only: str, skip: str, lacking: list[str]):
    """Vectors to check; an `InputError` if there are none."""
    from ...conformance.features import without
    from ...conformance.vectors import read_folder, shipped

    found = shipped(heads) if folder is None else read_folder(Path(folder))
    vectors = [v for v in found if only in v.name and not (skip and skip in v.name)]
    if not vectors:
        where = f"in {folder}" if folder else f"among {', '.join(vector.name for vector in found)}"
        raise InputError(f"there is no vector with {only!r} in its name {where}", argument="only")
    return without(vectors, lacking)


def of_files(files: list[str], dtype: str, tolerance: float | None):
    """Report on two files."""
    from ...conformance.check import check as compare
    from ...conformance.targets import read_arrays
    from ...conformance.vectors import read

    reference, candidate = map(Path, files)
    for file in (reference, candidate):
        if not file.exists():
            raise FileMissing(f"{file}: there is no such file", file=str(file))
    return compare(read(reference), read_arrays(candidate, dtype), dtype, tolerance)


def of_target(targets: list[str], command: str | None, timeout, vectors, dtype: str, tolerance, quiet: bool):
    """Reports on a function or a program, one for each vector."""
    from ...conformance import targets as kinds
    from ...conformance.check import NOTHING, check_all

    if (command is None) == (len(targets) != 1):
        raise InputError("give one function, one --command, or two files to check", argument="targets")
    target = kinds.function(targets[0]) if command is None else kinds.command(command, timeout)
    with progress(quiet) as bar:
        task = bar.add_task("checking", total=len(vectors))
        reports = check_all(target, vectors, (dtype,), tolerance, lambda report: bar.advance(task))
    if all(report.skipped for report in reports):
        nothing = {report.skipped for report in reports} == {NOTHING}
        why = (
            "returned nothing for any vector; is its `return` missing?" if nothing else "implements none of the vectors"
        )
        raise InputError(f"nothing was compared: the target {why}", argument="targets")
    return reports


def facts(reports) -> dict:
    """Contents of the JSON output."""
    from ...conformance import report as reporting

    first, found = reporting.earliest(reports), reporting.common_explanations(reports)
    causes = [
        {"name": e.cause.name, "words": e.cause.words, "section": e.cause.section, "until": e.until} for e in found
    ]
    vectors = [plain(report) for report in reports]
    more = {"mistakes": [ranking_facts(ranking) for ranking in reporting.rankings(reports)]}
    more["relations"] = [
        {"name": relation.name, "words": relation.words, "vectors": count, "of": of}
        for relation, count, of in reporting.relations(reports)
    ]
    return {"agrees": first is None, "first": first and first.name, "causes": causes, "vectors": vectors} | more


def ranking_facts(ranking) -> dict:
    """Contents of the JSON output on causes that are made at once."""
    return {
        "causes": [cause.name for cause in ranking.causes],
        "explained": [report.name for report in ranking.explained],
        "rest": [report.name for report in ranking.rest],
        "until": ranking.until,
    }


def plain(report) -> dict:
    """One report as plain data."""
    divergence = report.divergence
    first = divergence and {n: finite(x) for n, x in asdict(divergence.finding).items()} | {
        "after": divergence.after, "between": list(divergence.between), "next": divergence.next_dump
    }  # fmt: skip
    errors = {f.name: finite(f.error) for f in report.findings if not f.missing}
    about = {"name": report.name, "dtype": report.dtype, "tolerance": report.tolerance, "skipped": report.skipped}
    about["features"] = list(report.features)
    return about | {"given": report.given, "unknown": list(report.unknown), "errors": errors, "first": first}


def finite(value):
    """Return the value, as text if it is a number that JSON does not have."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def show(reports, every: bool) -> None:
    """Print a table with a row for each vector that does not agree, or for every one."""
    shown = [r for r in reports if every or r.divergence or r.skipped or any(f.empty_differ for f in r.findings)]
    table = Table("vector", "given", "largest error", "first divergence", "only empty slots", title=reports[0].dtype)
    for report in shown:
        first = report.skipped or report.first or "-"
        empty = "yes" if not report.divergence and any(f.empty_differ for f in report.findings) else ""
        table.add_row(report.name, f"{report.given}", f"{report.largest_error:.1e}", first, empty)
    if shown:
        tell_table(table)
    unknown = dict.fromkeys(name for report in reports for name in report.unknown)
    if unknown:
        tell_line(f"not compared: {', '.join(unknown)}")
