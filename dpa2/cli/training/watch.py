"""The course of a training on a terminal, in a file, or as JSON lines."""

from __future__ import annotations

import time
from pathlib import Path

from ...training.course import Shown, Watch
from ...training.steps.trainer import Report
from ..output import tell, tell_line


class Telling(Watch):
    """Tells each row and each checkpoint in a line, and every step in a bar.

    steps: of the whole training; first: those that are done. as_json: whether lines are JSON objects. timed: whether
    seconds are told, which are means over the steps since the last row.
    """

    def __init__(self, bar, steps: int, first: int, as_json: bool, timed: bool) -> None:
        self.bar, self.as_json, self.timed = bar, as_json, timed
        self.task = bar.add_task("training", total=steps, completed=first, errors="")
        self.since, self.steps, self.seconds = time.perf_counter(), 0, 0.0
        self.rows: list[Shown] = []

    def stepped(self, step: int, head: str, report: Report) -> None:
        self.steps += 1
        self.seconds = (time.perf_counter() - self.since) / self.steps
        numbers = " ".join(f"{name} {value:.2e}" for name, value in report.errors.items())
        told = f"{head + ' ' if head else ''}{numbers} rate {report.rate:.1e} {self.seconds:.3g} s/step"
        self.bar.update(self.task, completed=step, errors=told)

    def shown(self, row: Shown) -> None:
        self.rows.append(row)
        tell(self.plain(row)) if self.as_json else tell_line(self.in_words(row))
        self.since, self.steps = time.perf_counter(), 0

    def saved(self, step: int, file: Path) -> None:
        tell({"event": "saved", "step": step, "file": str(file)}) if self.as_json else tell_line(f"wrote {file}")

    def plain(self, row: Shown) -> dict:
        """Return a row as plain data; NaN, which JSON lacks, becomes null."""
        numbers = {
            kind: {head: {name: value if value == value else None for name, value in errors.items()}
                   for head, errors in tables.items()}
            for kind, tables in (("trained", row.trained), ("validated", row.validated))
        }  # fmt: skip
        seconds = {"seconds": round(self.seconds, 6)} if self.timed else {}
        return {"event": "row", "step": row.step, "rate": row.rate, **numbers, **seconds}

    def in_words(self, row: Shown) -> str:
        """Return a row as a line; errors in validation stand in brackets."""
        parts = [f"step {row.step}"]
        for head, errors in row.trained.items():
            tested = row.validated.get(head, {})
            numbers = [f"{n} {x:.3g}{f' ({tested[n]:.3g})' if n in tested else ''}" for n, x in errors.items()]
            parts.append(" ".join([f"{head}:"] * bool(head) + numbers))
        parts.append(f"rate {row.rate:.3g}")
        return ", ".join(parts + [f"{self.seconds:.3g} s/step"] * self.timed)
