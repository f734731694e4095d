"""Several mistakes at once: sets of causes, found where no cause alone explains every vector.

A set that explains a vector up to some intermediate is extended by causes whose own first change is there; others
cannot help. A few vectors are searched, and each set that is found is tried on all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from ..tracing.intermediates import position
from .causes import CAUSES
from .causes.cause import Cause
from .explaining import first_change, remaining
from .results import Checked, Mistakes

Causes = tuple[Cause, ...]
MOST = 3  # causes in a set
KEPT = 3  # sets that are extended further, or tried on all vectors
SAMPLES = 3  # vectors that are searched
PAIRS = 60  # pairs of causes that are tried where none alone gets further
END = position("nothing differs")  # comes after every intermediate


def ranked(results: Sequence[Checked]) -> list[dict[int, Mistakes]]:
    """Return sets of causes that contradict no vector, the one that explains most of the vectors first.

    Each is a dictionary with an entry for every vector that diverges, by its place in `results`.
    """
    found: dict[frozenset, dict[int, Mistakes]] = {}
    searched: list[Checked] = []
    while len(searched) < SAMPLES:
        best = sorted(found.values(), key=worth, reverse=True)
        rest = [c for k, c in enumerate(results) if c.report.forward and not (best and best[0][k].until is None)]
        rest = [checked for checked in rest if all(checked is not other for other in searched)]
        if not rest or (len(searched) == 2 and not best):
            break
        searched.append(sample(rest))
        bases = [next(iter(outcome.values())).causes for outcome in best[:KEPT]]
        for causes in sets_for(searched[-1], bases):
            outcome = None if frozenset(causes) in found else tried(causes, results)
            if outcome is not None:
                found[frozenset(causes)] = outcome
    return sorted(found.values(), key=worth, reverse=True)


def sample(rest: Sequence[Checked]) -> Checked:
    """Return a vector with the first divergence of all; the first one given of these."""
    return min(rest, key=lambda checked: position(checked.report.first))


def worth(outcome: dict[int, Mistakes]) -> tuple[int, int, int]:
    """Return a key that sorts outcomes: vectors explained, vectors explained in part, and few causes."""
    said = list(outcome.values())
    return sum(m.until is None for m in said), sum(m.helps for m in said), -len(said[0].causes)


def sets_for(checked: Checked, bases: Sequence[Causes]) -> list[Causes]:
    """Return sets of causes that explain as much of one vector as can be explained, made from the given sets."""
    effects = {cause: first_change(checked, cause) for cause in CAUSES}
    ends, growing = [], [*bases, ()]
    while growing:
        longer = [(base, list(extended(checked, base, effects))) for base in growing]
        ends += [base for base, found in longer if base and not found]
        found = {frozenset(causes): causes for _, more in longer for causes in more}
        growing = sorted(found.values(), key=lambda causes: reach(checked, causes), reverse=True)[:KEPT]
    return sorted(ends, key=lambda causes: reach(checked, causes), reverse=True)[:KEPT]


def extended(checked: Checked, base: Causes, effects: dict[Cause, str | None]) -> Iterator[Causes]:
    """Yield the set with one more cause, or else with two, where that explains more of a vector."""
    stop = remaining(checked, *base) if base else checked.report.first
    fitting = [cause for cause in CAUSES if stop and effects[cause] == stop and cause not in base]
    for more in ([(cause,) for cause in fitting], list(combinations(fitting, 2))[:PAIRS]):
        longer = [(*base, *causes) for causes in more if len(base) + len(causes) <= MOST]
        better = [causes for causes in longer if reach(checked, causes) > reach(checked, base)]
        if better:
            yield from better
            return


def reach(checked: Checked, causes: Causes) -> tuple[int, ...]:
    """Return the position of the first intermediate that a set of causes does not explain."""
    until = remaining(checked, *causes) if causes else checked.report.first
    return END if until is None else position(until)


def tried(causes: Causes, results: Sequence[Checked]) -> dict[int, Mistakes] | None:
    """Return what a set of causes leaves unexplained in each vector, or None if a vector contradicts it."""
    outcome = {}
    for k, checked in enumerate(results):
        report = checked.report
        if report.skipped:
            continue
        until = remaining(checked, *causes)
        start = position(report.first) if report.forward else END
        if until is not None and position(until) < start:
            return None
        if report.forward:
            outcome[k] = Mistakes(causes, until, until is None or position(until) > start)
    return outcome
