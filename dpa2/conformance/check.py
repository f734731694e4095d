"""Run an implementation on the golden vectors, and say where it first goes wrong and what usually causes that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..dtypes import dtype_name
from ..errors import TargetFailed
from ..tracing.intermediates import position
from .causes import CAUSES
from .causes.cause import Cause
from .comparison import TOLERANCES, compare, first_divergence
from .explaining import remaining
from .features import features
from .names import renamed, suggestion
from .ranking import ranked
from .relations import related
from .results import Checked, Explanation, Relation, Report
from .targets import Target
from .vectors import Vector

NOT_IMPLEMENTED, NOTHING = "not implemented", "returned nothing"  # reasons why a vector is skipped
# Names that an error message gives as examples.
SOME = ("repinit/env_mat", "repformer/layer0/g1", "descriptor", "atom_energy", "force")


def check(
    vector: Vector, found: Mapping[str, np.ndarray], dtype: str = "float64", tolerance: float | None = None
) -> Report:
    """Return the report on intermediates of one vector, which are given by their names or aliases.

    Raises `TargetFailed` if there is nothing to compare: every name is unknown, or that of a neighbour list, which is
    an input of the target.
    """
    return explained([Checked(vector, *compared(vector, found, dtype_name(dtype), tolerance))])[0]


def check_all(
    target: Target, vectors: Iterable[Vector], dtypes=("float64",), tolerance=None, seen: Callable = lambda report: None
) -> list[Report]:
    """Return the reports on all vectors; `seen` is called with each report before explanations are added."""
    results = []
    for vector in vectors:
        for dtype in map(dtype_name, dtypes):
            found = target(vector, dtype)
            why = NOT_IMPLEMENTED if found is None else NOTHING
            skipped = Report(vector.name, dtype, 0.0, [], skipped=why, features=features(vector))
            known, report = compared(vector, found, dtype, tolerance) if found else ({}, skipped)
            results.append(Checked(vector, known, report))
            seen(results[-1].report)
    return explained(results)


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
    first = first_divergence(findings, limit)
    return known, Report(vector.name, dtype, limit, findings, first, unknown=hints, features=features(vector))


def explained(results: list[Checked]) -> list[Report]:
    """Return the reports with explanations: causes, sets of causes if no cause is enough, and relations of numbers."""
    reports = with_causes(results)
    wrong, common = [report for report in reports if report.forward], common_explanations(reports)
    complete = bool(common_causes(reports))
    held = related(results, [report.first for report in wrong if not complete])
    reports = [replace(report, relations=found) for report, found in zip(reports, held, strict=True)]
    known = not common and all(r.first in {relation.name for relation in r.relations} for r in reports if r.forward)
    if not wrong or complete or known:
        return reports
    outcomes = ranked(results)
    sets = [tuple(outcome[k] for outcome in outcomes if k in outcome) for k in range(len(reports))]
    return [replace(report, mistakes=found) for report, found in zip(reports, sets, strict=True)]


def with_causes(results: list[Checked]) -> list[Report]:
    """Return the reports with causes of the first divergence of all that change nothing that agrees.

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
        until = remaining(checked, cause)
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


@dataclass(frozen=True)
class Ranking:
    """Causes made at once, the reports that they explain completely, and those of which they leave something."""

    causes: tuple[Cause, ...]
    explained: tuple[Report, ...]
    rest: tuple[Report, ...]
    until: str | None


def rankings(reports: list[Report]) -> list[Ranking]:
    """Return sets of causes by the number of vectors that they explain; those that explain nothing are left out."""
    wrong = [report for report in reports if report.forward]
    found = []
    for outcome in zip(*(report.mistakes for report in wrong), strict=True):
        pairs = list(zip(wrong, outcome, strict=True))
        done, rest = ([r for r, m in pairs if (m.until is None) is which] for which in (True, False))
        ends = [m.until for _, m in pairs if m.helps and m.until]
        until = min(ends, key=position, default=None)
        found.append(Ranking(outcome[0].causes, tuple(done), tuple(rest), until))
    return found


def relations(reports: list[Report]) -> list[tuple[Relation, int, int]]:
    """Return the relations with the number of vectors in which each holds, and the number that differ there."""
    counts = Counter(relation for report in reports for relation in report.relations)
    differ = Counter(f.name for r in reports for f in r.findings if not f.missing and f.differs(r.tolerance))
    found = [(relation, count, differ[relation.name]) for relation, count in counts.items()]
    return sorted(found, key=lambda one: (position(one[0].name), -one[1]))
