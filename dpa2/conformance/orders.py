"""Relations in which the expected numbers stand in another order: axes, atoms, channels, neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import numpy as np

from ..tracing.intermediates import slot_axes
from .case import Case, Claim
from .comparison import FLAT


def orders(case: Case) -> Iterator[Claim]:
    """Yield relations in which the numbers stand in another order."""
    yield from (exchanged(axes) for axes in permutations(range(case.expected.ndim)) if axes != tuple(sorted(axes)))
    if case.name in FLAT and case.expected.shape[-1] == 9:
        yield Claim("= expected with the 3 × 3 tensor transposed", tensor_transposed)
    if case.alike and case.expected.ndim > 1:
        yield Claim("= expected with the atoms in reverse order", lambda c: c.same(c.expected[::-1], c.found))
        yield Claim("= expected with the atoms sorted by type", sorted_by_type)
        yield Claim("= expected with the atoms in another order", permuted)
        yield Claim("= expected with the channels (the last axis) in another order", channels_permuted)
        yield Claim("= expected with the neighbours of each atom in another order", slots_permuted)
        yield from (flattened(n) for n in range(2, case.expected.shape[-1]) if case.expected.shape[-1] % n == 0)


def exchanged(axes: tuple[int, ...]) -> Claim:
    """Return the claim that axes are in another order."""

    def holds(case: Case) -> bool:
        if case.expected.ndim != len(axes):
            return False
        turned, used = case.expected.transpose(axes), case.used.transpose(axes)
        return turned.shape == case.found.shape and Case(case.checked, case.name, turned, case.found, used).same(
            turned, case.found
        )

    return Claim(f"= expected with its axes in the order {axes}: transposed", holds)


def tensor_transposed(case: Case) -> bool:
    """Return whether 9 components are those of the transposed tensor."""
    tensor = case.expected.reshape(-1, 3, 3).swapaxes(1, 2).reshape(case.expected.shape)
    return case.found.shape == tensor.shape and case.same(tensor, case.found)


def sorted_by_type(case: Case) -> bool:
    """Return whether rows are those of the atoms sorted by type."""
    types = case.checked.vector.system.types
    order = np.argsort(types, kind="stable")
    fits = len(types) == len(case.expected) == len(case.found)
    return fits and case.same(case.expected[order], case.found)


def permuted(case: Case) -> bool:
    """Return whether rows are the expected ones in another order."""
    return case.alike and len(case.found) > 1 and in_some_order(case, 0)


def channels_permuted(case: Case) -> bool:
    """Return whether channels are the expected ones in another order, the same for all rows."""
    return case.alike and case.expected.ndim > 1 and in_some_order(case, -1)


def slots_permuted(case: Case) -> bool:
    """Return whether the slots of each atom are the expected ones in another order."""
    if not case.alike or len(slot_axes(case.name)) != 1:
        return False
    expected, found = (np.where(case.used, x, 0.0) for x in (case.expected, case.found))
    ordered = [rows[matching(rows, others)] for rows, others in zip(expected, found, strict=True)]
    return case.same(np.stack(ordered), found)


def in_some_order(case: Case, axis: int) -> bool:
    """Return whether entries along an axis are the expected ones in another order."""
    expected, found = (np.moveaxis(np.where(case.used, x, 0.0), axis, 0) for x in (case.expected, case.found))
    return case.same(np.moveaxis(expected[matching(expected, found)], 0, axis), case.found)


def matching(expected: np.ndarray, found: np.ndarray) -> list[int]:
    """Return for each found row the nearest expected one that is not taken yet.

    >>> matching(np.array([[1.0], [2.0], [2.0]]), np.array([[2.0], [1.0], [2.0]]))
    [1, 0, 2]
    """
    count = len(expected)
    rows, others = expected.reshape(count, -1), found.reshape(count, -1)
    gaps, order = np.abs(rows[None] - others[:, None]).max(axis=-1, initial=0.0), []
    for gap in gaps:
        order.append(int(gap.argmin()))
        gaps[:, order[-1]] = np.inf
    return order


def flattened(n: int) -> Claim:
    """Return the claim that the last axis, a product of two, was flattened in the other order."""

    def holds(case: Case) -> bool:
        shape = case.expected.shape
        if case.found.shape != shape or shape[-1] % n:
            return False
        turned = case.expected.reshape(*shape[:-1], n, -1).swapaxes(-1, -2).reshape(shape)
        return case.same(turned, case.found)

    return Claim(f"= expected with the last axis flattened in the other order ({n} × the rest)", holds)
