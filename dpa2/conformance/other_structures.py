"""Relations in which the numbers are right, and belong to another structure: its cell was read in a wrong way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache

from ..errors import DPA2Error
from ..structures.system import System
from ..tracing.masks import occupied_slots
from .case import Case, Claim
from .comparison import compare_one
from .vectors import Vector, evaluated

CHANGES: dict[str, Callable[[System], System]] = {
    "the transposed cell: lattice vectors are rows, not columns": lambda s: replace(s, cell=s.cell.reshape(3, 3).T),
    "the structure without its cell": lambda s: replace(s, cell=None),
}


def of_structures(case: Case) -> Iterator[Claim]:
    """Yield the relations to structures with another cell."""
    if case.checked.vector.system.cell is not None and not case.name.startswith("nlist/"):
        yield from map(of_structure, CHANGES)


def of_structure(words: str) -> Claim:
    """Return the claim that the numbers are those of a changed structure."""

    def holds(case: Case) -> bool:
        vector, report = case.checked.vector, case.checked.report
        trace = {} if vector.system.cell is None else changed_trace(vector, report.dtype, words)
        if case.name not in trace:
            return False
        slots = occupied_slots(trace, vector.system.types, vector.config.excluded_pairs)
        return not compare_one(case.name, trace, case.checked.given[case.name], slots).differs(report.tolerance)

    return Claim(f"= expected of {words}", holds)


@lru_cache(maxsize=256)
def changed_trace(vector: Vector, dtype: str, words: str) -> dict:
    """Return the intermediates of a vector's model and its changed structure; none if it cannot be evaluated."""
    try:
        return evaluated(vector.model_in(dtype), CHANGES[words](vector.system))
    except DPA2Error:
        return {}
