"""Sums over rows by functions of the array-API standard, which has none that adds several values to one row."""

from __future__ import annotations

from ..neighbors.cells import numbers
from ..nn.arrays import Array, array_namespace, take_rows


def sum_into_rows(values: Array, rows: Array, count: int) -> Array:
    """Row k is the sum of the `values` whose `rows` are k, in an order of additions that does not depend on the device.

    >>> import numpy
    >>> sum_into_rows(numpy.asarray([1.0, 2.0, 4.0]), numpy.asarray([2, 0, 2]), 3).tolist()
    [2.0, 0.0, 5.0]
    """
    xp = array_namespace(values)
    order, first, end = sorted_rows(rows, count)
    most = int(xp.max(end - first)) if count and rows.shape[0] else 0
    return summed(values, rows, order, first, end, most)


def sum_unread(values: Array, rows: Array, count: int) -> Array:
    """The same, where no number is read: in some steps more than needed, which add zeros. JAX can compile it."""
    return summed(values, rows, *sorted_rows(rows, count), rows.shape[0] if count else 0)


def sorted_rows(rows: Array, count: int) -> tuple[Array, Array, Array]:
    """The order of values by their rows, and where those of each row begin and end in it."""
    xp = array_namespace(rows)
    order = xp.argsort(rows, stable=True)
    asked, placed = xp.astype(numbers(count, rows), rows.dtype), take_rows(rows, order)
    first, end = (xp.searchsorted(placed, asked, side=side) for side in ("left", "right"))
    return order, first, end


def summed(values: Array, rows: Array, order: Array, first: Array, end: Array, most: int) -> Array:
    """The sums of rows of which none has more than `most` values.

    After s steps of `with_earlier`, each value is the sum of itself and of those before it that belong to its row,
    2**s - 1 at most.
    """
    xp = array_namespace(values)
    if most == 0:
        device = getattr(values, "device", None)  # a traced JAX array has no one device
        return xp.zeros((first.shape[0], *values.shape[1:]), dtype=values.dtype, device=device)
    rows, sums, step = take_rows(rows, order), take_rows(values, order), 1
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
