"""Sums over rows by functions of the array-API standard, which has none that adds several values to one row."""

from __future__ import annotations

from ..nn.arrays import Array, array_namespace, take_rows


def sum_into_rows(values: Array, rows: Array, count: int) -> Array:
    """Row k is the sum of the `values` whose `rows` are k.

    Values are sorted by their rows. After s steps of `with_earlier`, each is the sum of itself and of those before it
    that belong to its row, 2**s - 1 at most. The order of additions does not depend on the device.

    >>> import numpy
    >>> sum_into_rows(numpy.asarray([1.0, 2.0, 4.0]), numpy.asarray([2, 0, 2]), 3).tolist()
    [2.0, 0.0, 5.0]
    """
    xp = array_namespace(values)
    order = xp.argsort(rows, stable=True)
    rows, sums = take_rows(rows, order), take_rows(values, order)
    asked = xp.arange(count, dtype=rows.dtype, device=rows.device)
    first, end = (xp.searchsorted(rows, asked, side=side) for side in ("left", "right"))
    most = int(xp.max(end - first)) if count and rows.shape[0] else 0
    if most == 0:
        return xp.zeros((count, *values.shape[1:]), dtype=values.dtype, device=values.device)
    step = 1
    while step < most:
        sums, step = with_earlier(sums, rows, step), 2 * step
    found = take_rows(sums, xp.maximum(end - 1, xp.zeros_like(end)))
    return xp.where(beside(end > first, found), found, xp.zeros_like(found))


def with_earlier(sums: Array, rows: Array, step: int) -> Array:
    """Add to each value the one that stands `step` places before it, where both belong to the same row."""
    xp = array_namespace(sums)
    earlier = sums[:-step, ...]
    same = beside(rows[step:] == rows[:-step], earlier)
    return xp.concat([sums[:step, ...], sums[step:, ...] + xp.where(same, earlier, xp.zeros_like(earlier))])


def beside(marks: Array, values: Array) -> Array:
    """A mark for each row in a shape that can be combined with the rows."""
    return array_namespace(marks).reshape(marks, (-1, *[1] * (values.ndim - 1)))
