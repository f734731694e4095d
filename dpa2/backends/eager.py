"""Running chunk functions as they are, one after another."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy

from ..nn.arrays import end_to_end
from ..nn.module import map_leaves


def reusing(lay):
    """A function of parts that hands what it gave before to `lay(spent, parts)`: fresh pages cost more than copying."""
    spent = None

    def join(parts):
        nonlocal spent
        if len(parts) == 1:
            return parts[0]
        spent = lay(spent, parts)
        return spent

    return join


def converted(tree, dtype: str, convert: Callable):
    """The NumPy arrays of a tree, each as `convert(array, dtype)` gives it; only real numbers have a precision."""
    return map_leaves(lambda _, x: convert(x, dtype if x.dtype.kind == "f" else None), tree)


class Eager:
    """What back ends without a compiler have in common."""

    asarray: Callable

    def run(self, function, shared, *lists) -> list:
        """`function(*shared, *items)` for the items of every chunk."""
        return [function(*shared, *items) for items in zip(*lists, strict=True)]

    def joiner(self):
        """A function that lays arrays end to end, perhaps with rows to spare behind.

        Each call may give up what the one before gave.
        """
        return end_to_end

    def arrays(self, tree, dtype: str):
        """The NumPy arrays of a tree as arrays of the library, real numbers in the given precision."""
        return converted(tree, dtype, self.asarray)

    def with_shape(self, shape):
        """Return the same back end with chunks of another shape."""
        other = copy(self)
        other.shape = shape
        return other

    def uncompiled(self):
        """A back end on which every intermediate can be looked at."""
        return self

    def inference(self, dtypes: set[str]):
        """The back end that evaluates models of these precisions where nothing is differentiated."""
        return self
