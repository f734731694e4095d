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

SOME = ("repinit/env_mat", "repformer/layer0/g1", "descriptor", "atom_energy", "force")


@dataclass(frozen=True)
class Report:
    """One vector: all findings, the first divergence if there is one, and what explains it.

    `unknown` are names that are none of the trace table; what they stand for was not compared. `skipped` says why the
    target gave nothing for this vector.
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
        """How many intermediates there were to compare."""
        return sum(not finding.missing for finding in self.findings)

    @property
    def largest_error(self) -> float:
        """Of what was given."""
        return max((finding.error for finding in self.findings), default=0.0)

    @property
    def first(self) -> str:
        """The name of what diverges first, if anything does."""
        return self.divergence.finding.name if self.divergence else ""

    @property
    def forward(self) -> bool:
        """Whether something diverges that is computed before the forces."""
        return self.divergence is not None and self.first not in DERIVATIVES


def check(
    vector: Vector, found: Mapping[str, np.ndarray], dtype: str = "float64", tolerance: float | None = None
) -> Report:
    """What was computed for a vector, by its names or their aliases, against the reference, and what explains it.

    Raises `TargetFailed` if none of the names is an intermediate that the target was not given itself.
    """
    return explained([Checked(vector, *compared(vector, found, dtype, tolerance))])[0]


def check_all(
    target: Target, vectors: Iterable[Vector], dtypes=("float64",), tolerance=None, seen: Callable = lambda report: None
) -> list[Report]:
    """All vectors; `seen` is told of each report when it is there, before it is explained."""
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
    """A vector, what was given for it by the names of the table, and what that showed."""

    vector: Vector
    given: dict[str, np.ndarray]
    report: Report


def compared(vector: Vector, found: Mapping[str, np.ndarray], dtype: str, tolerance: float | None):
    """What was given by the names of the table, and a report without explanations."""
    reference, limit = vector.reference(dtype), TOLERANCES[dtype] if tolerance is None else tolerance
    known, unknown = renamed(found, reference)
    if all(name.startswith("nlist/") for name in known):
        given = ", ".join(suggestion(name, reference) for name in list(found)[:8]) or "nothing"
        what = f"nothing to compare for {vector.name}: given was {given}; wanted are names like {', '.join(SOME)}"
        raise TargetFailed(what, vector=vector.name, given=list(found))
    findings = compare(reference, known, vector.occupied)
    hints = tuple(suggestion(name, reference) for name in unknown)
    return known, Report(vector.name, dtype, limit, findings, first_divergence(findings, limit), unknown=hints)


def explained(results: list[Checked]) -> list[Report]:
    """The reports, with the causes that give the first divergence of all, and change nothing that agrees.

    Vectors in which that shows come first: they leave few causes for the others.
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
    """The causes that a vector leaves possible."""
    report = checked.report
    for cause in causes:
        until = remaining(cause, checked.vector, checked.given, report.dtype, report.tolerance)
        later = until is not None and report.forward and position(until) >= position(report.first)
        if until is None or (later and until != first):
            yield Explanation(cause, until)


def common_explanations(reports: list[Report]) -> list[Explanation]:
    """What explains every vector that diverges: all of it, or, if nothing does, as much as there is."""
    wrong = [report for report in reports if report.forward]
    common = []
    for explanation in wrong[-1].explanations if wrong else ():
        same = [e for report in wrong for e in report.explanations if e.cause is explanation.cause]
        ends = [e.until for e in same if e.until is not None]
        common.append(Explanation(explanation.cause, min(ends, key=position, default=None)))
    complete = [explanation for explanation in common if explanation.until is None]
    return complete or common


def common_causes(reports: list[Report]) -> list[Cause]:
    """The causes that explain everything."""
    return [explanation.cause for explanation in common_explanations(reports) if explanation.until is None]


def earliest(reports: list[Report]) -> Report | None:
    """The report whose divergence is the first in the order of computation."""
    wrong = [report for report in reports if report.divergence]
    return min(wrong, key=lambda report: position(report.first), default=None)
