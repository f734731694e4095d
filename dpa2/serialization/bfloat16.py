"""Numbers of bfloat16, which NumPy lacks: two opaque bytes in a file, float32 in memory."""

from __future__ import annotations

import numpy

from ..dtypes import DTYPES
from ..errors import FormatError

BFLOAT16 = numpy.dtype(DTYPES["bfloat16"].raw)  # the upper half of a float32, as files have it


def dtype_name(array: numpy.ndarray) -> str:
    """The precision of an array as a file holds it."""
    return "bfloat16" if array.dtype == BFLOAT16 else array.dtype.name


def widen(array: numpy.ndarray) -> numpy.ndarray:
    """The numbers of a file as float32."""
    bits = numpy.frombuffer(array.tobytes(), "<u2").astype("u4") << 16
    return bits.view("f4").reshape(array.shape)


def narrow(array: numpy.ndarray, name: str) -> numpy.ndarray:
    """float32 numbers as a file holds them; `FormatError` if one of them is no bfloat16 number."""
    bits = numpy.ascontiguousarray(array, "f4").view("u4")
    if (bits & 0xFFFF).any():
        raise FormatError(f"tensor {name} holds numbers that bfloat16 cannot represent exactly", tensor=name)
    return (bits >> 16).astype("<u2").view(BFLOAT16)


def round_to_bfloat16(array: numpy.ndarray) -> numpy.ndarray:
    """The nearest bfloat16 numbers, ties to even, held as float32."""
    bits = array.view("u4")
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return numpy.where(numpy.isnan(array), array, rounded.astype("u4").view("f4"))
