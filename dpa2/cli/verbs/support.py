"""`dpa2 support`: what each back end does in each precision on this machine."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from ...backends import CHOICES
from ..app import AsJson, Group, verb
from ..output import Table, progress, tell, tell_line, tell_table, tell_written


@verb(Group.SURVEY, 4, "dpa2 support", "dpa2 support numpy torch --page support.md")
def support(
    libraries: Annotated[
        list[str] | None, typer.Argument(help=f"Back ends to try: {CHOICES}; without any, all.")
    ] = None,
    dtype: Annotated[list[str] | None, typer.Option(help="A precision to try; may be repeated.")] = None,
    page: Annotated[str | None, typer.Option(help="Write the table into this Markdown file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Try every kind of result on every back end in every precision, and show the errors, or why there are none."""
    from ...backends import NAMES, backend
    from ...dtypes import NAMES as PRECISIONS
    from ...serialization.atomic import replacing
    from ...surveys import support as survey

    chosen, precisions = libraries or list(NAMES), dtype or list(PRECISIONS)
    for name in libraries or []:
        backend(name)  # refuses an unknown name, or one whose library is missing
    with progress(as_json) as bar:
        count = len(chosen) * len(precisions) * len(survey.FEATURES)
        cells = list(bar.track(survey.support(chosen, precisions), total=count, description="trying"))
    if page is not None:
        with replacing(page) as new:
            new.write_text(markdown(cells), encoding="utf-8")
    if as_json:
        tell({"cells": [asdict(cell) for cell in cells]})
    else:
        show(cells)
        tell_written(page)


def rows(cells) -> tuple[list[str], list[list[str]], list[str]]:
    """The features, a row for each back end and precision, and the reasons, which rows give by number."""
    features = list(dict.fromkeys(cell.feature for cell in cells))
    reasons = list(dict.fromkeys(cell.said for cell in cells if cell.said != "yes"))

    def short(cell) -> str:
        if cell.said != "yes":
            return f"({reasons.index(cell.said) + 1})"
        return "yes" if cell.error is None else f"{cell.error:.0e}"

    keys = dict.fromkeys((cell.library, cell.dtype) for cell in cells)
    lines = [[*key, *(short(cell) for cell in cells if (cell.library, cell.dtype) == key)] for key in keys]
    return features, lines, reasons


def show(cells) -> None:
    """Print the table, and below it what its numbers in brackets mean."""
    features, lines, reasons = rows(cells)
    table = Table("back end", "precision", *features)
    for line in lines:
        table.add_row(*line)
    tell_table(table)
    for number, reason in enumerate(reasons, start=1):
        tell_line(f"({number}) {reason}")


def markdown(cells) -> str:
    """The table as a page."""
    features, lines, reasons = rows(cells)
    heads = ["back end", "precision", *features]
    body = "\n".join("| " + " | ".join(line) + " |" for line in [heads, ["---"] * len(heads), *lines])
    notes = "\n".join(f"{number}. {reason}" for number, reason in enumerate(reasons, start=1))
    return f"""# What each back end does

Written by `dpa2 support --page docs/support.md`: each cell was run on one machine. Errors are relative to the largest
entry, against NumPy in float64; numbers in brackets are the reasons below.

{body}

{notes}
"""
