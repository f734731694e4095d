"""The result of a check as text and as a self-contained HTML page, which plots errors against depth of computation."""

from __future__ import annotations

import html
import math

from .check import Ranking, common_explanations, earliest, rankings, relations
from .results import Explanation, Relation, Report

STYLE = "body{font:15px sans-serif;max-width:60em;margin:2em auto;padding:0 1em}.axis{font-size:11px;fill:#777}"
STYLE += ".no{color:#b00}.ok{color:#070}td,th{padding:0 1em 0 0;text-align:left}"
STYLE += ".name{paint-order:stroke;stroke:#fff;stroke-width:4px}"
SHOWN, FEW_NAMES = 3, 8  # sets of causes, and names of vectors, that are listed
FEW = 1e6  # errors of fewer ulps are also given in ulps; for larger ones the relative error says enough
WIDTH, HEIGHT, LOWEST = 900, 220, -17  # width and height of the picture, and the smallest exponent in it


def page(reports: list[Report], target: str) -> str:
    """Return the whole page."""
    first, title = earliest(reports), f"Conformance of {html.escape(target)}"
    parts = [f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{STYLE}</style><h1>{title}</h1>"]
    parts += [f"<p class={'no' if first else 'ok'}>{html.escape(line)}</p>" for line in verdict(reports)]
    parts += [overview(reports)]
    parts += [section(report) for report in reports if report.divergence]
    return "\n".join(parts) + "\n"


def verdict(reports: list[Report]) -> list[str]:
    """Return the result of a check in a few lines."""
    first = earliest(reports)
    lines = [f"not implemented, and not compared: {', '.join(r.name for r in reports if r.skipped)}"]
    lines = lines if any(r.skipped for r in reports) else []
    done = [report for report in reports if not report.skipped]
    if first is None:
        given, all_of_them = (sum(n) for n in zip(*((r.given, len(r.findings)) for r in done), strict=True))
        return [*lines, f"{counted(len(done), 'vector')}, {given} of {all_of_them} intermediates given: all agree"]
    lines += [f"{sum(r.divergence is not None for r in done)} of {counted(len(done), 'vector')} diverge"]
    return lines + words(first) + explained(reports)


def explained(reports: list[Report]) -> list[str]:
    """Return lines that name the causes of the differences, and the relations of found to expected numbers."""
    found = common_explanations(reports)
    complete = [e for e in found if e.until is None]
    ranked = [] if complete else rankings(reports)
    ranked = [ranking for ranking in ranked if not ranking.rest] or ranked
    if ranked:
        lines = [line for ranking in ranked[:SHOWN] for line in ranking_words(ranking)]
    else:
        lines = [explanation_words(explanation) for explanation in found]
    if (len(ranked) > 1 and not ranked[0].rest) or (len(found) > 1 and not ranked):
        lines.insert(0, "there are several possible causes; dump more intermediates to tell them apart:")
    lines += [relation_words(*relation) for relation in relations(reports)]
    if not lines and any(report.forward for report in reports):
        lines = ["no known cause explains the first divergence"]
    return lines


def explanation_words(explanation: Explanation) -> str:
    """Return the line on one cause."""
    cause, until = explanation.cause, explanation.until
    rest = f", up to {until}, which differs for another reason" if until else ""
    return f"matches exactly if: {cause.words}{rest} (section {cause.section}) [{cause.name}]"


def ranking_words(ranking: Ranking) -> list[str]:
    """Return the lines on causes made at once: a line on all of them, or the vectors that they explain."""
    causes = " AND ".join(f"{c.words} (section {c.section}) [{c.name}]" for c in ranking.causes)
    count, of = len(ranking.explained), len(ranking.explained) + len(ranking.rest)
    if not ranking.rest:
        return [f"matches exactly if: {causes}"]
    until = f", up to {ranking.until}, which differs for another reason" if ranking.until else ""
    names = ", ".join(report.name for report in ranking.rest[:FEW_NAMES])
    more = f" and {len(ranking.rest) - FEW_NAMES} more" if len(ranking.rest) > FEW_NAMES else ""
    rest = f"; the rest: {names}{more}" if count else ""
    return [f"explains {count} of {of}{until}: {causes}{rest}"]


def relation_words(relation: Relation, count: int, of: int) -> str:
    """Return the line on a relation, with the number of vectors in which it holds."""
    return f"{relation.name}: found {relation.words}; in {count} of {counted(of, 'vector')} that differ there"


def counted(count: int, what: str) -> str:
    """Return a count and its noun, in the plural unless the count is 1.

    >>> counted(1, "vector"), counted(2, "vector")
    ('1 vector', '2 vectors')
    """
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def words(report: Report) -> list[str]:
    """Return lines that describe the first divergence of a vector, or say that it agrees."""
    divergence = report.divergence
    if divergence is None:
        return ["agrees"]
    f = divergence.finding
    if f.reason:
        lines = [f"first divergence: {f.name} of {report.name} ({report.dtype}): {f.reason}"]
    else:
        numbers = f"expected {f.expected:.10g}, found {f.found:.10g}"
        size = f"{f.error:.1e} of the largest entry" + (f", {f.ulps:.3g} ulps" if f.ulps < FEW else "")
        place = f" at {f.place}" if f.place else ""
        lines = [f"first divergence: {f.name} of {report.name} ({report.dtype}){place}: {numbers}; {size}"]
    if divergence.after:
        lines.append(f"the last that agrees: {divergence.after}")
    if divergence.between:
        missing = counted(len(divergence.between), "intermediate")
        lines.append(f"not given: {missing} in between; give {divergence.next_dump} next to narrow the range")
    return lines


def overview(reports: list[Report]) -> str:
    """Return a table with a row for each vector; those that diverge link to their pictures."""
    head = "<tr><th>vector<th>given<th>largest error<th>first divergence</tr>"
    return f"<table>{head}{''.join(overview_row(report) for report in reports)}</table>"


def overview_row(report: Report) -> str:
    """Return the row of one vector."""
    name = html.escape(f"{report.name} ({report.dtype})")
    state = "no" if report.divergence else "ok"
    linked = f"<a href='#{html.escape(report.name)}'>{name}</a>" if report.divergence else name
    first = html.escape(report.skipped or report.first or "agrees")
    return f"<tr class={state}><td>{linked}<td>{report.given}<td>{report.largest_error:.1e}<td>{first}</tr>"


def section(report: Report) -> str:
    """Return the part of the page on a vector that diverges."""
    name, text = html.escape(report.name), html.escape(" · ".join(words(report)))
    return f"<h2 id='{name}'>{name} ({report.dtype})</h2><p class=no>{text}</p>{picture(report)}"


def picture(report: Report) -> str:
    """Return an SVG plot of the error of each given intermediate; the tooltip of a dot names it."""
    shown = [finding for finding in report.findings if not finding.name.startswith("nlist/")]
    step, limit = WIDTH / max(1, len(shown)), report.tolerance
    marks = [level(10.0**exponent, f"1e{exponent}", "#eee") for exponent in range(-16, 1, 4)]
    marks.append(level(limit, f"allowed: {limit:g}", "#999", WIDTH, "end"))
    for k, finding in enumerate(shown):
        if not finding.missing:
            colour = "#b00" if finding.differs(limit) else "#070"
            tip = html.escape(f"{finding.name}: {finding.error:.1e}")
            place = f"cx='{step * (k + 0.5):.1f}' cy='{height(finding.error):.1f}'"
            circle = f"<circle {place} r='4' fill='{colour}'>"
            marks.append(f"{circle}<title>{tip}</title></circle>")
            if finding.name == report.first:
                marks.append(f"<text {place.replace('c', '')} dx='8' dy='12' class='axis name'>{tip}</text>")
    below = f"y='{HEIGHT + 14}' class='axis'"
    axis = f"<text x='0' {below}>{html.escape(shown[0].name)} → depth of computation</text>"
    last = f"<text x='{WIDTH}' {below} text-anchor='end'>{html.escape(shown[-1].name)}</text>"
    return f"<svg viewBox='0 0 {WIDTH} {HEIGHT + 20}' width='100%' role='img'>{''.join(marks)}{axis}{last}</svg>"


def level(error: float, label: str, colour: str, x: float = 0, anchor: str = "start") -> str:
    """Return the horizontal line at an error, with a label."""
    y = f"{height(error):.1f}"
    line = f"<line x1='0' x2='{WIDTH}' y1='{y}' y2='{y}' stroke='{colour}' stroke-dasharray='4'/>"
    return f"{line}<text x='{x}' y='{y}' class='axis' text-anchor='{anchor}'>{label}</text>"


def height(error: float) -> float:
    """Return the vertical coordinate of an error on a logarithmic scale."""
    exponent = LOWEST if error <= 0 else min(2.0, max(LOWEST, math.log10(error))) if math.isfinite(error) else 2.0
    return HEIGHT - 10 - (exponent - LOWEST) / (2 - LOWEST) * (HEIGHT - 20)
