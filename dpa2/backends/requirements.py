"""The requirements of dpa2 on a library that follows the array-API standard, and the errors where it lacks some."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import BackendError, DPA2Error
from ..nn.arrays import Array, array_namespace

FUNCTIONS = [  # all that the core, `Standard` and the search on a device use; a test compares
    "abs", "arange", "argsort", "asarray", "astype", "broadcast_to", "ceil", "clip", "concat", "cumulative_sum",
    "exp", "finfo", "floor", "int32", "int64", "log1p", "max", "maximum", "mean", "min", "minimum", "ones_like",
    "permute_dims", "reshape", "searchsorted", "sqrt", "stack", "sum", "take", "tanh", "unstack", "vecdot", "where",
    "zeros", "zeros_like",
]  # fmt: skip
ATTRIBUTES = ("T", "dtype", "mT", "ndim", "shape")  # of arrays
LAZY = (
    "Its arrays are lazy: they say how numbers are found, not which. An evaluation needs numbers on its way (how many "
    "values belong to a row, where a table ends) and gives energies and forces as numbers. Use a library that computes "
    "at once"
)


def require_standard(name: str, x: Array) -> None:
    """Raise a `BackendError` that names the functions and attributes that a library or its arrays lack.

    x: a matrix of a library.
    """
    try:
        namespace = array_namespace(x)
    except TypeError as error:
        hint = "an array has `__array_namespace__`, or array-api-compat knows its library"
        raise BackendError(f"{name}: {error}; {hint}", backend=name, hint=hint, lacks=[]) from error
    lacks = [function for function in FUNCTIONS if not hasattr(namespace, function)]
    lacks += [f"`{attribute}` of arrays" for attribute in ATTRIBUTES if not hasattr(x, attribute)]
    if lacks:
        what = f"{name} lacks of the array-API standard: {', '.join(lacks)}"
        advice = LAZY if is_lazy(x) else "Use a newer release of it, or its namespace in array-api-compat"
        raise BackendError(f"{what}. {advice}", backend=name, hint=advice, lacks=lacks)


def require_numbers(name: str, x: Array, to_numpy: Any) -> None:
    """Raise a `BackendError` for a library whose arrays do not compute, or do not become numbers when asked.

    x: the matrix [[1, 2]] of a library.
    """
    try:
        y = x @ x.mT + 1.0
        found = float(y[0, 0]), float(to_numpy(y)[0, 0])
    except Exception as error:  # libraries raise anything
        what = f"{name}: its arrays do not become numbers of Python and NumPy ({said(error)})"
        advice = LAZY if is_lazy(x) else "`x @ x.mT + 1.0`, `float` and `numpy.asarray` (or DLPack) must work"
        raise BackendError(f"{what}. {advice}", backend=name, hint="numpy") from error
    if found != (6.0, 6.0):
        raise BackendError(f"{name}: [1, 2] · [1, 2] + 1 is {found[0]} there", backend=name, hint="numpy")


@contextmanager
def explained(name: str, what: str) -> Iterator[None]:
    """Turn what a library raises into a `BackendError` that says which library and which part of an evaluation."""
    try:
        yield
    except (DPA2Error, MemoryError):
        raise
    except Exception as error:
        raise BackendError(
            f"{name} cannot compute {what}: {said(error)}. Nothing but the array-API standard is used there; "
            "compare with array_api_strict, which follows it to the letter",
            backend=name,
            hint="array_api_strict",
        ) from error


def said(error: Exception) -> str:
    """The class of an error and the first line of its text."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"


def is_lazy(x: Array) -> bool:
    """Whether the numbers of an array are perhaps not there yet."""
    from array_api_compat import is_lazy_array

    try:
        return bool(is_lazy_array(x))
    except Exception:  # libraries raise anything
        return False
