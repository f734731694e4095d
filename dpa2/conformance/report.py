"""A page that shows what a check found: self-contained HTML, with the error against the depth of computation."""

from __future__ import annotations

import html
import math

from .check import Report, common_causes, earliest
from .comparison import TOLERANCES

STYLE = "body{font:15px sans-serif;max-width:60em;margin:2em auto;padding:0 1em}table{border-collapse:collapse}"
STYLE += "td,th{padding:.2em .8em;border-bottom:1px solid #ddd;text-align:left}.no{color:#b00}.ok{color:#070}"
WIDTH, HEIGHT, LOWEST = 900, 220, -17  # of the picture; the smallest exponent in it


def page(reports: list[Report], target: str) -> str:
    """The whole page."""
    first, title = earliest(reports), f"Conformance of {html.escape(target)}"
    parts = [f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{STYLE}</style><h1>{title}</h1>"]
    parts += [f"<p class={'no' if first else 'ok'}>{html.escape(line)}</p>" for line in verdict(reports)]
    parts += [section(report) for report in reports]
    return "\n".join(parts) + "\n"


def verdict(reports: list[Report]) -> list[str]:
    """What was found, in a few lines."""
    first = earliest(reports)
    if first is None:
        given = sum(report.given for report in reports)
        return [f"{counted(len(reports), 'vector')}, {counted(given, 'intermediate')}: all agree"]
    lines = [f"{sum(r.divergence is not None for r in reports)} of {counted(len(reports), 'vector')} diverge"]
    lines += words(first)
    causes = common_causes(reports)
    lines += [f"matches exactly if: {cause.words} (section {cause.section}) [{cause.name}]" for cause in causes]
    return lines if causes else [*lines, "no known cause explains all of it"]


def counted(count: int, what: str) -> str:
    """
    >>> counted(1, "vector"), counted(2, "vector")
    ('1 vector', '2 vectors')
    """
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def words(report: Report) -> list[str]:
    """The first divergence of a vector."""
    divergence = report.divergence
    f = divergence.finding
    if f.reason:
        lines = [f"first divergence: {f.name} of {report.name} ({report.dtype}): {f.reason}"]
    else:
        numbers = f"expected {f.expected:.10g}, found {f.found:.10g}"
        size = f"{f.error:.1e} of the largest entry, {f.ulps:.3g} ulps"
        lines = [f"first divergence: {f.name} of {report.name} ({report.dtype}) at {f.place}: {numbers}; {size}"]
    if divergence.after:
        lines.append(f"the last that agrees: {divergence.after}")
    if divergence.between:
        missing = counted(len(divergence.between), "intermediate")
        lines.append(f"{missing} in between not given; dump {divergence.next_dump} next")
    return lines


def section(report: Report) -> str:
    """One vector."""
    state = "ok" if report.divergence is None else "no"
    text = "agrees" if report.divergence is None else " · ".join(words(report))
    head = f"<h2>{html.escape(report.name)} ({report.dtype})</h2><p class={state}>{html.escape(text)}</p>"
    return head + picture(report)


def picture(report: Report) -> str:
    """Error of each intermediate that was given, in the order of computation, as SVG."""
    step, limit = WIDTH / max(1, len(report.findings)), TOLERANCES[report.dtype]
    marks = [f"<line x1=0 x2={WIDTH} y1={height(limit):.1f} y2={height(limit):.1f} stroke=#999 stroke-dasharray=4/>"]
    for k, finding in enumerate(report.findings):
        if not finding.missing:
            colour = "#b00" if finding.differs(limit) else "#070"
            tip = html.escape(f"{finding.name}: {finding.error:.1e}")
            circle = f"<circle cx={step * (k + 0.5):.1f} cy={height(finding.error):.1f} r=4 fill={colour}>"
            marks.append(f"{circle}<title>{tip}</title></circle>")
    return f"<svg viewBox='0 0 {WIDTH} {HEIGHT}' width='100%' role=img>{''.join(marks)}</svg>"


def height(error: float) -> float:
    """Where an error is drawn, by its exponent."""
    exponent = LOWEST if error <= 0 else min(2.0, max(LOWEST, math.log10(error))) if math.isfinite(error) else 2.0
    return HEIGHT - 10 - (exponent - LOWEST) / (2 - LOWEST) * (HEIGHT - 20)
