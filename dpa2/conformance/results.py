"""The results of a check: one report for each vector, beside what was given for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .causes.cause import Cause
from .comparison import DERIVATIVES, Divergence, Finding
from .vectors import Vector


@dataclass(frozen=True)
class Explanation:
    """A cause that reproduces all results before `until`, which differs for another reason; all results if None."""

    cause: Cause
    until: str | None = None


@dataclass(frozen=True)
class Mistakes:
    """Causes made at once: `until` as in `Explanation`, and whether they explain more than the agreeing beginning."""

    causes: tuple[Cause, ...]
    until: str | None
    helps: bool


@dataclass(frozen=True)
class Relation:
    """The relation of the numbers found for an intermediate to the expected ones, in words."""

    name: str
    words: str


@dataclass(frozen=True)
class Report:
    """The result for one vector: all findings, the first divergence if there is one, and its explanations.

    `explanations` are the causes that no vector rules out. `mistakes` are sets of causes, the best of all vectors
    first, if no cause alone explains everything. `relations` hold between found and expected numbers of it.
    `features` are what its model and structure have, of `features.FEATURES`.

    `unknown` are given names that the trace table does not have; their arrays were not compared. `skipped` is the
    reason why the target returned nothing for this vector.
    """

    name: str
    dtype: str
    tolerance: float
    findings: list[Finding]
    divergence: Divergence | None = None
    explanations: tuple[Explanation, ...] = ()
    mistakes: tuple[Mistakes, ...] = ()
    relations: tuple[Relation, ...] = ()
    features: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    skipped: str | None = None

    @property
    def given(self) -> int:
        """The number of intermediates that were compared."""
        return sum(not finding.missing for finding in self.findings)

    @property
    def largest_error(self) -> float:
        """The largest error of all intermediates that were given."""
        return max((finding.error for finding in self.findings), default=0.0)

    @property
    def first(self) -> str:
        """The name of the first intermediate that diverges, or an empty string."""
        return self.divergence.finding.name if self.divergence else ""

    @property
    def forward(self) -> bool:
        """Return whether an intermediate diverges that is computed before the forces."""
        return self.divergence is not None and self.first not in DERIVATIVES


@dataclass(frozen=True)
class Checked:
    """A vector, the intermediates given for it under the names of the trace table, and their report."""

    vector: Vector
    given: dict[str, np.ndarray]
    report: Report
