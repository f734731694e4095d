"""Back ends without a compiler: chunk functions run as they are, one chunk after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Self, TypeVar

from ..batching.plan import ChunkShape
from ..descriptor.runner import Back, Stage, computed_again
from ..nn.arrays import Array, cut, end_to_end
from ..nn.module import map_leaves
from .own_settings import numpy_settings
from .row_sums import sum_unread

Join = Callable[[Sequence[Array]], Array]
Result = TypeVar("Result")
Tree = TypeVar("Tree")


def reusing(lay: Callable[[Array | None, Sequence[Array]], Array]) -> Join:
    """Return a function of parts that calls `lay(spent, parts)`, where `spent` is the array that it returned before.

    Memory that is fresh from the system takes longer to fill than memory that is used again.
    """
    spent = None

    def join(parts: Sequence[Array]) -> Array:
        nonlocal spent
        if len(parts) == 1:
            return parts[0]
        spent = lay(spent, parts)
        return spent

    return join


def converted(tree: Tree, dtype: str, convert: Callable[[Array, str | None], Array]) -> Tree:
    """A tree of NumPy arrays with `convert(array, dtype)` in place of each; dtype is None for integers."""
    return map_leaves(lambda _, x: convert(x, dtype if x.dtype.kind == "f" else None), tree)


class Shaped:
    """A back end with a shape of chunks, of which copies may have another; pickled as class, device and shape."""

    device: str
    shape: ChunkShape
    differentiates = True
    deterministic = False
    in_memory = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.device!r})"

    def with_shape(self, shape: ChunkShape) -> Self:
        """The same back end with chunks of another shape."""
        return self.altered(shape=shape)

    def with_fixed_order(self) -> Self:
        """The same back end, whose sums over rows have an order of additions that no device changes."""
        return self if self.deterministic else self.altered(deterministic=True, sum_into_rows=sum_unread)

    def altered(self, **members: Any) -> Self:
        """A copy with other members."""
        other = object.__new__(type(self))
        vars(other).update(vars(self) | members)
        return other

    def as_class(self, kind: Callable[[str], Any]) -> Any:
        """A back end of another class on the same device, with the same shape and order of additions."""
        found = kind(self.device).with_shape(self.shape)
        return found.with_fixed_order() if self.deterministic else found

    def __reduce__(self) -> tuple:
        """Return class, device, shape and order, for another process, where devices are other objects."""
        return remade, (type(self), self.device, replace(self.shape, width_cache=None), self.deterministic)

    def run_stage(self, stage: Stage, shared: tuple, *lists: Sequence) -> tuple[list, Back]:
        """The results of a stage for every chunk, and the way back, on which it is computed again."""
        return computed_again(self, stage, shared, *lists)  # type: ignore[arg-type]  # has `run` and `joiner`

    def own_settings(self) -> AbstractContextManager[Any]:
        """A context with the settings of NumPy that evaluations want."""
        return numpy_settings()


def remade(kind: Callable[[str], Any], device: str, shape: ChunkShape, deterministic: bool) -> Any:
    """A back end of some class on a device, with chunks of a shape, and with no widths to use again."""
    fresh = kind(device)
    fresh = fresh.with_shape(replace(shape, width_cache=fresh.shape.width_cache))
    return fresh.with_fixed_order() if deterministic else fresh


class Eager(Shaped):
    """The methods that back ends without a compiler have in common."""

    threads = 1
    asarray: Callable[..., Array]

    def run(self, function: Callable[..., Result], shared: tuple, *lists: Sequence) -> list[Result]:
        """`function(*shared, *items)` for the items of every chunk."""
        return [function(*shared, *items) for items in zip(*lists, strict=True)]

    def whole(self, function: Callable[..., Result], arguments: tuple) -> Result:
        """`function(self, *arguments)`."""
        return function(self, *arguments)

    def transformed(self, arguments: Any) -> bool:
        """No: without a library's own derivatives nothing is differentiated."""
        return False

    def joiner(self) -> Join:
        """A function that lays arrays end to end."""
        return end_to_end

    def room(self, rows: int) -> int:
        """As many rows as there are: nothing is compiled for a length."""
        return rows

    def agree(self, needed: Sequence[int], largest: Sequence[int]) -> None:
        """Nothing: arrays are as long as they need to be."""

    def pieces(self, x: Array, sizes: Sequence[int]) -> list[Array]:
        """Consecutive rows of x, so many for each of the `sizes`."""
        return cut(x, sizes)

    def arrays(self, tree: Tree, dtype: str) -> Tree:
        """A tree of NumPy arrays as arrays of the library, real numbers in the precision `dtype`."""
        return converted(tree, dtype, self.asarray)

    def fold(self, weights: Any) -> Any:
        """The program of a model's weights."""
        return weights.fold()

    def uncompiled(self) -> Any:
        """This back end: it compiles nothing."""
        return self

    def inference(self, dtypes: set[str]) -> Any:
        """This back end: it evaluates its models itself."""
        return self
