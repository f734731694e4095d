"""Arrays of a native tree as plain values, for text files.

Numbers are written with as many digits as tell them apart, so that arrays survive to the bit. Source: sections 3.2
and 3.4 of the description of formats.
"""

from __future__ import annotations

import numpy

from ...dtypes import NAMES
from ...errors import FormatError, shorten
from ..bfloat16 import dtype_name, narrow, widen
from ..budget import spend

NUMBERS = {int, float, str}  # types of a number in a text; a YAML 1.2 writer may spell 1e-05 without a point


def array_to_plain(array: numpy.ndarray):
    """A dictionary for an array, a bare number for a scalar."""
    if array.shape == ():
        return array.item()
    name = dtype_name(array)
    value = (widen(array) if name == "bfloat16" else array).tolist()
    return {"@class": "np.ndarray", "@is_variable": True, "@version": 1, "dtype": name, "value": value}


def plain_to_array(plain) -> numpy.ndarray:
    """The inverse of `array_to_plain`; older files lack the version."""
    value, dtype = (plain.get("value"), plain.get("dtype")) if isinstance(plain, dict) else (plain, "float64")
    if dtype not in NAMES:
        raise FormatError(f"an array has dtype {shorten(dtype)}; known are {', '.join(NAMES)}", key="dtype")
    spend(steps=10)
    try:
        objects = numpy.array(value, dtype=object)
        if not set(map(type, objects.ravel())) <= NUMBERS:
            raise ValueError("not all values are numbers")
        array = objects.astype("float32" if dtype == "bfloat16" else dtype)
    except (ValueError, TypeError, OverflowError) as error:
        raise FormatError(f"array {shorten(value)} is not a table of numbers ({error})", key="value") from error
    return narrow(array, "in the file") if dtype == "bfloat16" else array


def is_text(data: bytes) -> bool:
    """Return whether there are no control characters but white space."""
    return not any(c < 32 and c not in b"\t\n\r" for c in data)
