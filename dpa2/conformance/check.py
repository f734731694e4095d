"""Run an implementation on the golden vectors, and say where it first goes wrong and what usually causes that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..errors import TargetFailed
from ..tracing.intermediates import position
from .causes import CAUSES
from .comparison import DERIVATIVES, TOLERANCES, Divergence, Finding, compare, first_divergence
from .explaining import Cause, Explanation, remaining
from .names import renamed, suggestion
from .targets import Target
from .vectors import Vector

# Names that an error message gives as examples.
SOME = ("repinit/env_mat", "repformer/layer0/g1", "descriptor", "atom_energy", "force")


@dataclass(frozen=True)
class Report:
    """The result for one vector: all findings, the first divergence if there is one, and its explanations.

    `unknown` are given names that the trace table does not have; their arrays were not compared. `skipped` is the
    reason why the target returned nothing for this vector.
    """

    name: str
    dtype: str
    tolerance: float
    findings: list[Finding]
    divergence: Divergence | None = None
    explanations: tuple[Explanation, ...] = ()
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


def check(
    vector: Vector, found: Mapping[str, np.ndarray], dtype: str = "float64", tolerance: float | None = None
) -> Report:
    """Return the report on intermediates of one vector, which are given by their names or aliases.

    Raises `TargetFailed` if there is nothing to compare: every name is unknown, or that of a neighbour list, which is
    an input of the target.
    """
    return explained([Checked(vector, *compared(vector, found, dtype, tolerance))])[0]


def check_all(
    target: Target, vectors: Iterable[Vector], dtypes=("float64",), tolerance=None, seen: Callable = lambda report: None
) -> list[Report]:
    """Return the reports on all vectors; `seen` is called with each report before explanations are added."""
    results = []
    for vector in vectors:
        for dtype in dtypes:
            found = target(vector, dtype)
            skipped = Report(vector.name, dtype, 0.0, [], skipped="not implemented")
            known, report = compared(vector, found, dtype, tolerance) if found else ({}, skipped)
            results.append(Checked(vector, known, report))
            seen(results[-1].report)
    return explained(results)


@dataclass(frozen=True)
class Checked:
    """A vector, the intermediates given for it under the names of the trace table, and their report."""

    vector: Vector
    given: dict[str, np.ndarray]
    report: Report


def compared(vector: Vector, found: Mapping[str, np.ndarray], dtype: str, tolerance: float | None):
    """Return the given intermediates under the names of the trace table, and a report without explanations."""
    reference, limit = vector.reference(dtype), TOLERANCES[dtype] if tolerance is None else tolerance
    known, unknown = renamed(found, reference)
    if all(name.startswith("nlist/") for name in known):
        given = ", ".join(suggestion(name, reference) for name in list(found)[:8]) or "nothing"
        what = f"nothing to compare for {vector.name}: the target returned {given}, not names like {', '.join(SOME)}"
        raise TargetFailed(what, vector=vector.name, given=list(found))
    findings = compare(reference, known, vector.occupied)
    hints = tuple(suggestion(name, reference) for name in unknown)
    return known, Report(vector.name, dtype, limit, findings, first_divergence(findings, limit), unknown=hints)


def explained(results: list[Checked]) -> list[Report]:
    """Return the reports with explanations: causes of the first divergence of all that change nothing that agrees.

    Vectors that show the first divergence are examined first, because they rule out most causes.
    """
    wrong = [c for c in results if c.report.forward]
    if not wrong:
        return [c.report for c in results]
    first = min((c.report.first for c in wrong), key=position)
    causes, found = list(CAUSES), {}
    for checked in sorted(results, key=lambda c: (c.report.first != first, not c.report.forward)):
        if not checked.report.skipped:
            found[id(checked)] = list(explanations(checked, first, causes))
            causes = [explanation.cause for explanation in found[id(checked)]]
    reports = []
    for checked in results:
        kept = tuple(e for e in found.get(id(checked), ()) if e.cause in causes and checked.report.forward)
        reports.append(replace(checked.report, explanations=kept))
    return reports


def explanations(checked: Checked, first: str, causes: Iterable[Cause]):
    """Yield the causes that the results for one vector do not rule out."""
    report = checked.report
    for cause in causes:
        until = remaining(cause, checked.vector, checked.given, report.dtype, report.tolerance)
        later = until is not None and report.forward and position(until) >= position(report.first)
        if until is None or (later and until != first):
            yield Explanation(cause, until)


def common_explanations(reports: list[Report]) -> list[Explanation]:
    """Return causes that explain all divergences completely, or, if there are none, those that explain a part."""
    wrong = [report for report in reports if report.forward]
    common = []
    for explanation in wrong[-1].explanations if wrong else ():
        same = [e for report in wrong for e in report.explanations if e.cause is explanation.cause]
        ends = [e.until for e in same if e.until is not None]
        common.append(Explanation(explanation.cause, min(ends, key=position, default=None)))
    complete = [explanation for explanation in common if explanation.until is None]
    return complete or common


def common_causes(reports: list[Report]) -> list[Cause]:
    """Return the causes that explain all divergences completely."""
    return [explanation.cause for explanation in common_explanations(reports) if explanation.until is None]


def earliest(reports: list[Report]) -> Report | None:
    """Return the report whose divergence is the first in the order of computation, or None if all agree."""
    wrong = [report for report in reports if report.divergence]
    return min(wrong, key=lambda report: position(report.first), default=None)
