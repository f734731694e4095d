"""The learning curve as a table in text, `lcurve.out`, in the reference's format (section 8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

GAP = "   "
NOTE = "# If there is no available reference data, rmse_*_{val,trn} will print nan\n"

Errors = Mapping[str, Mapping[str, float]]  # of heads, and their reported numbers by name


@dataclass(frozen=True)
class Curve:
    """A table with a row for each step that is shown.

    heads: the names of the numbers of each head, in alphabetical order; one head without a name for a model alone.
    validation: whether each number has a column for validation, too.

    >>> curve = Curve({"": ["rmse", "rmse_e"]})
    >>> print(curve.row(1, {"": {"rmse": 2.5, "rmse_e": float("nan")}}, 1e-3), end="")
          1      2.50e+00           nan    1.0e-03
    """

    heads: Mapping[str, Sequence[str]]
    validation: bool = False

    def header(self) -> str:
        """Return the two lines before the rows."""
        kinds = ("val", "trn") if self.validation else ("trn",)
        line = "# step "
        for head, names in self.heads.items():
            end = f"_{head}" if head else ""
            line += "".join(GAP + " ".join(f"{f'{name}_{kind}{end}':>11s}" for kind in kinds) for name in names)
        return f"{line}{GAP}{'lr':<8s}\n{NOTE}"

    def row(self, step: int, trained: Errors, rate: float, validated: Errors | None = None) -> str:
        """Return a row; steps are counted from 1. Numbers that are not there are NaN."""
        tables = [validated or {}, trained] if self.validation else [trained]
        line = f"{step:7d}"
        for head, names in self.heads.items():
            of_head = [table.get(head, {}) for table in tables]
            for name in names:
                line += GAP + " ".join(f"{table.get(name, float('nan')):11.2e}" for table in of_head)
        return f"{line}{GAP}{rate:8.1e}\n"

    def begin(self, file: Path, again: bool = False) -> None:
        """Begin a file with the header; where a training goes on (`again`), append the header to what is there."""
        with open(file, "a" if again else "w", encoding="utf-8") as out:
            out.write(self.header())

    def add(self, file: Path, row: str) -> None:
        """Append a row, which other programs see at once."""
        with open(file, "a", encoding="utf-8") as out:
            out.write(row)
