"""The relation of found to expected numbers that names a mistake wherever it is made.

A relation is said only of vectors in which it holds for every entry within the tolerance of the check; of those that
hold, the one that holds in most vectors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ..tracing.intermediates import position
from .case import Case, Claim, case_of
from .claims import NOT_NUMBERS, claims
from .comparison import DERIVATIVES
from .results import Checked, Relation


def related(results: Sequence[Checked], firsts: Iterable[str]) -> list[tuple[Relation, ...]]:
    """Return the relations that hold in each vector: at the first divergence of all, and of forces and virials."""
    names = {min(firsts, key=position, default=""), *DERIVATIVES} - {""}
    held: list[list[Relation]] = [[] for _ in results]
    for name in sorted(names, key=position):
        cases = {k: case for k, checked in enumerate(results) if (case := case_of(checked, name)) is not None}
        words, where = strongest(cases)
        for k in where:
            held[k].append(Relation(name, words))
    return [tuple(found) for found in held]


def strongest(cases: dict[int, Case]) -> tuple[str, list[int]]:
    """Return the relation that holds in most cases, and in which; the first in the order of `claims` of equals."""
    best: tuple[str, list[int]] = ("", [])
    seen: set[str] = set()
    with np.errstate(all="ignore"):
        for case in cases.values():
            for claim in claims(case):
                if claim.words not in seen:
                    seen.add(claim.words)
                    where = [k for k, other in cases.items() if safely(claim, other)]
                    best = (claim.words, where) if len(where) > len(best[1]) else best
                    if len(where) == len(cases):
                        return best
    return best


def safely(claim: Claim, case: Case) -> bool:
    """Return whether a claim holds; numbers that are none fulfil only the claim that they are none."""
    if claim.words == NOT_NUMBERS.words:
        return claim.holds(case)
    finite = bool(np.isfinite(case.found[case.used] if case.found.shape == case.used.shape else case.found).all())
    return finite and claim.holds(case)
