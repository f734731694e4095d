"""The types of arrays, and the few functions on them that the array-API standard lacks."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from inspect import signature
from itertools import accumulate
from typing import TYPE_CHECKING, Any

Array = Any
Pullback = Callable[[Any], Any]  # takes the cotangent of a value and returns that of its argument
VJP = tuple[Any, Pullback]  # a value and its pullback

# `Float[Array, "atom f"] | MaybeNone` is an array or None where whoever reads it knows which, by how the object was
# made; `| None` is for what a reader has to ask. A type checker must not demand the question in the first case.
if TYPE_CHECKING:
    MaybeNone = Any
else:
    MaybeNone = None

# `Float[Array, "atom neighbor 3"]` is an array of real numbers with these axes. Signatures are checked at run time only
# under DPA2_CHECK_SHAPES; for a type checker, the axes are a comment on the type.
if TYPE_CHECKING:
    from typing import Annotated as Float
    from typing import Annotated as Int
elif "DPA2_CHECK_SHAPES" in os.environ:
    from jaxtyping import Float, Int
else:
    Float = Int = None


# Packages whose arrays carry no namespace, and the module that has the functions of the standard for them; the table of
# back ends fills it.
NAMESPACES: dict[str, str] = {}


def array_namespace(x: Array) -> Any:
    """The array-API namespace of `x`: the module whose functions take and return arrays of its library."""
    if hasattr(x, "__array_namespace__"):
        return x.__array_namespace__()
    package = type(x).__module__.partition(".")[0]
    if package in NAMESPACES:
        return imported(NAMESPACES[package])
    from array_api_compat import array_namespace as compatible  # knows more libraries, which users may register

    return compatible(x)


imported = cache(import_module)


def take_rows(x: Float[Array, "row *rest"], index: Int[Array, "*shape"]) -> Float[Array, "*shape *rest"]:
    """x[index] for an index array of any shape."""
    xp = array_namespace(x)
    rows = xp.take(x, xp.reshape(index, (-1,)), axis=0, **within_bounds(xp.take))
    return xp.reshape(rows, tuple(index.shape) + tuple(x.shape[1:]))


@cache
def within_bounds(take: Callable) -> dict[str, str]:
    """The option of a library's `take` that saves the check for indices out of bounds, where it has one."""
    return {"mode": "clip"} if "fill_value" in signature(take).parameters else {}


def end_to_end(parts: Sequence[Array]) -> Array:
    """The rows of several arrays as one array."""
    return parts[0] if len(parts) == 1 else array_namespace(parts[0]).concat(parts)


def cut(x: Float[Array, "row *rest"], sizes: Sequence[int]) -> list[Array]:
    """Consecutive rows of x, so many for each of the `sizes`; x may have more rows than they need."""
    ends = list(accumulate(sizes))
    return [x[end - size : end, ...] for size, end in zip(sizes, ends, strict=True)]


def flat(values: Float[Array, "atom neighbor *rest"] | Int[Array, "atom neighbor *rest"]) -> Array:
    """Values of a chunk's edges (edge, ...): the axes of atoms and neighbours become one."""
    return array_namespace(values).reshape(values, (-1, *values.shape[2:]))


def like(values: Any, x: Array) -> Array:
    """`values` (nested lists) as an array of the library, dtype and device of `x`."""
    xp = array_namespace(x)
    try:
        return xp.asarray(values, dtype=x.dtype, device=x.device)
    except (TypeError, AttributeError):  # a traced JAX array has no one device
        return xp.asarray(values, dtype=x.dtype)


def filled(values: Any, x: Array) -> Array:
    """A few `values` (a number, or nested lists) as `like` has them, made of x, which has some, without a transfer."""
    xp = array_namespace(x)
    if isinstance(values, list | tuple):
        return xp.stack([filled(value, x) for value in values])
    return xp.reshape(xp.zeros_like(xp.reshape(x, (-1,))[:1]) + values, ())
