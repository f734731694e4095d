"""The one thing that the core asks of an array: which library's functions work on it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cache
from inspect import signature
from typing import TYPE_CHECKING, Any

Array = Any

if TYPE_CHECKING or "DPA2_CHECK_SHAPES" in os.environ:  # shapes in signatures cost nothing unless checked
    from jaxtyping import Float, Int

    __all__ = ["Array", "Float", "Int", "array_namespace", "end_to_end", "flat", "take_rows"]
else:
    Float = Int = None


def array_namespace(x: Array):
    """The array-API namespace of `x`: the module whose functions take and return arrays of its kind."""
    if hasattr(x, "__array_namespace__"):
        return x.__array_namespace__()
    from array_api_compat import array_namespace as compatible  # PyTorch tensors carry no namespace

    return compatible(x)


def take_rows(x: Float[Array, "row *rest"], index: Int[Array, "*shape"]) -> Float[Array, "*shape *rest"]:
    """x[index] for an index array of any shape."""
    xp = array_namespace(x)
    rows = xp.take(x, xp.reshape(index, (-1,)), axis=0, **within_bounds(xp.take))
    return xp.reshape(rows, tuple(index.shape) + tuple(x.shape[1:]))


@cache
def within_bounds(take: Callable) -> dict:
    """What tells a library that would fill in for indices out of bounds that there are none."""
    return {"mode": "clip"} if "fill_value" in signature(take).parameters else {}


def end_to_end(parts: Sequence[Array]) -> Array:
    """The rows of several arrays as one array."""
    return parts[0] if len(parts) == 1 else array_namespace(parts[0]).concat(parts)


def flat(values: Float[Array, "atom neighbor *rest"] | Int[Array, "atom neighbor *rest"]):
    """What belongs to edges, without the axis of atoms."""
    return array_namespace(values).reshape(values, (-1, *values.shape[2:]))


def like(values, x: Array) -> Array:
    """`values` (nested lists) as an array of the library, dtype and device of `x`."""
    xp = array_namespace(x)
    try:
        return xp.asarray(values, dtype=x.dtype, device=x.device)
    except (TypeError, AttributeError):  # a traced JAX array has no one device
        return xp.asarray(values, dtype=x.dtype)
