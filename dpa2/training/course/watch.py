"""What a training tells who watches it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..steps.trainer import Report

Errors = Mapping[str, float]


@dataclass(frozen=True)
class Shown:
    """A row of the learning curve.

    step: counted from 1. trained, validated: the reported numbers of each head, those of training from before the
    update; no validated ones without data for them.
    """

    step: int
    rate: float
    trained: Mapping[str, Errors]
    validated: Mapping[str, Errors]


class Watch:
    """An object whose methods a training calls; by itself it does nothing."""

    def stepped(self, step: int, head: str, report: Report) -> None:
        """A step is done; it is counted from 1."""

    def shown(self, row: Shown) -> None:
        """A row was added to the learning curve."""

    def saved(self, step: int, file: Path) -> None:
        """A checkpoint was written."""
