"""A pairwise cover: few rows that contain every combination of values of any two factors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, product


def pairwise(factors: Mapping[str, Sequence]) -> list[dict]:
    """Return rows with a value for each factor; each row is made greedily so that it contains many new pairs.

    >>> len(pairwise({"a": (0, 1), "b": (0, 1), "c": (0, 1)}))
    4
    """
    missing = {
        ((a, x), (b, y))
        for a, b in combinations(factors, 2)
        for x, y in product(range(len(factors[a])), range(len(factors[b])))
    }
    rows = []
    while missing:
        row = best_row(factors, missing)
        missing -= set(combinations(row.items(), 2))
        rows.append({name: factors[name][k] for name, k in row.items()})
    return rows


def best_row(factors: Mapping[str, Sequence], missing: set) -> dict[str, int]:
    """Return a row that contains a missing pair; every further factor takes the value that adds most missing pairs."""
    row = dict(min(missing))
    for name, values in factors.items():
        if name not in row:
            gains = [sum(tuple(sorted_pair((name, k), other, factors)) in missing for other in row.items())
                     for k in range(len(values))]  # fmt: skip
            row[name] = gains.index(max(gains))
    return {name: row[name] for name in factors}


def sorted_pair(one, other, factors):
    """Return two choices in the order of their factors."""
    order = list(factors)
    return sorted((one, other), key=lambda choice: order.index(choice[0]))
