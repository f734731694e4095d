"""Run an implementation on the golden vectors, and say where it first goes wrong and what usually causes that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..errors import TargetFailed
from .causes import CAUSES
from .comparison import DERIVATIVES, TOLERANCES, Divergence, Finding, compare, first_divergence
from .explaining import Cause, explain
from .names import renamed, suggestion
from .order import depth
from .targets import Target
from .vectors import Vector


@dataclass(frozen=True)
class Report:
    """One vector: all findings, the first divergence if there is one, and causes that explain everything given.

    `unknown` are names that are none of the trace table; what they stand for was not compared.
    """

    name: str
    dtype: str
    findings: list[Finding]
    divergence: Divergence | None
    causes: tuple[Cause, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def given(self) -> int:
        """How many intermediates there were to compare."""
        return sum(not finding.missing for finding in self.findings)

    @property
    def largest_error(self) -> float:
        """Of what was given."""
        return max((finding.error for finding in self.findings), default=0.0)


def check(
    vector: Vector,
    found: Mapping[str, np.ndarray],
    dtype: str = "float64",
    tolerance: float | None = None,
    causes: Iterable[Cause] = CAUSES,
) -> Report:
    """What was computed for a vector, by its names or their aliases, against the reference.

    Raises `TargetFailed` if none of the names is one of the trace table.
    """
    reference, limit = vector.reference(dtype), TOLERANCES[dtype] if tolerance is None else tolerance
    known, unknown = renamed(found, reference)
    if not known:
        given = ", ".join(suggestion(name, reference) for name in unknown[:8]) or "nothing"
        what = f"nothing to compare for {vector.name}: given was {given}; wanted are names like {', '.join(SOME)}"
        raise TargetFailed(what, vector=vector.name, given=unknown)
    findings = compare(reference, known, vector.occupied)
    divergence = first_divergence(findings, limit)
    forward = divergence is not None and divergence.finding.name not in DERIVATIVES
    likely = explain(vector, known, dtype, limit, causes) if forward else []
    return Report(vector.name, dtype, findings, divergence, tuple(likely), tuple(unknown))


SOME = ("repinit/env_mat", "repformer/layer0/g1", "descriptor", "atom_energy", "force")


def check_all(
    target: Target, vectors: Iterable[Vector], dtypes=("float64",), tolerance=None, seen: Callable = lambda report: None
) -> list[Report]:
    """All vectors; `seen` is told of each report when it is there. A cause must explain everything that was found."""
    reports: list[Report] = []
    causes, agreeing = list(CAUSES), []
    for vector in vectors:
        for dtype in dtypes:
            found = target(vector, dtype)
            report = check(vector, found, dtype, tolerance, causes)
            causes = list(report.causes) if report.divergence else causes
            known = renamed(found, vector.reference(dtype))[0]
            agreeing += [] if report.divergence else [(vector, known, dtype)]
            reports.append(report)
            seen(report)
    return confirmed(reports, causes, agreeing, tolerance) if earliest(reports) else reports


def confirmed(reports: list[Report], causes: list[Cause], agreeing: list, tolerance) -> list[Report]:
    """Reports without the causes that would show where everything agrees."""
    for vector, found, dtype in agreeing:
        causes = explain(vector, found, dtype, TOLERANCES[dtype] if tolerance is None else tolerance, causes)
    return [replace(report, causes=tuple(c for c in report.causes if c in causes)) for report in reports]


def common_causes(reports: list[Report]) -> list[Cause]:
    """The causes that explain every vector that diverges."""
    wrong = [report for report in reports if report.divergence]
    return list(wrong[-1].causes) if wrong else []


def earliest(reports: list[Report]) -> Report | None:
    """The report whose divergence is the first in the order of computation."""
    wrong = [report for report in reports if report.divergence]
    return min(wrong, key=lambda report: depth(report.divergence.finding.name), default=None)
