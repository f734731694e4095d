"""The progress of the fuzzer, and its table."""

from __future__ import annotations

import json
from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

COLUMNS = ("format", "inputs", "valid", "named errors", "findings", "peak / MB", "longest / s of processor")


def progress(outcomes: Iterable[dict], count: int) -> Iterable[dict]:
    """The outcomes, with a bar on a terminal."""
    return track(
        outcomes, "reading", total=count, console=Console(stderr=True), disable=not Console(stderr=True).is_terminal
    )


def show(rows: dict[str, dict], findings: list[dict], seed: int, plain: bool) -> None:
    """Print the findings and the table, or both as JSON."""
    if plain:
        print(json.dumps({"seed": seed, "formats": rows, "findings": findings}))
        return
    console = Console(width=None if Console().is_terminal else 200)
    for found in findings:
        console.print(
            f"seed {seed} input {found['k']} ({found['suffix']}, {found['made']}): {escape(found['finding'])}"
        )
    table = Table(*COLUMNS)
    for suffix, row in rows.items():
        errors = ", ".join(f"{name} {number}" for name, number in sorted(row["errors"].items()))
        facts = (
            row["inputs"],
            row["valid"],
            errors,
            row["findings"],
            f"{row['peak'] / 1e6:.0f}",
            f"{row['longest']:.1f}",
        )
        table.add_row(suffix, *map(str, facts))
    console.print(table)
