"""The four precisions of a model: the one table of their sizes and of their names in other programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class DType:
    """One precision; `name` is the word for it in a configuration, in the array libraries."""

    name: str
    size: int  # bytes of one number
    safetensors: str  # name in the header of a safetensors file
    storage: str  # class of PyTorch that holds its raw numbers
    raw: str  # NumPy's code for its numbers as they lie in a file; two opaque bytes for bfloat16
    holder: str  # NumPy dtype that represents each of its numbers exactly


DTYPES = {
    dtype.name: dtype
    for dtype in (
        DType("float64", 8, "F64", "DoubleStorage", "f8", "float64"),
        DType("float32", 4, "F32", "FloatStorage", "f4", "float32"),
        DType("float16", 2, "F16", "HalfStorage", "f2", "float16"),
        DType("bfloat16", 2, "BF16", "BFloat16Storage", "V2", "float32"),
    )
}
NAMES = tuple(DTYPES)
IN_NUMPY = tuple(dtype for dtype in DTYPES.values() if dtype.holder == dtype.name)  # the precisions that NumPy has


def dtype_name(value: Any) -> str:
    """Return the name of a precision that is given by name, or as a dtype of an array library.

    >>> import numpy as np
    >>> dtype_name("float32"), dtype_name(np.float32), dtype_name(np.dtype("float64"))
    ('float32', 'float32', 'float64')
    """
    if isinstance(value, str) or str(value).startswith(("torch.", "paddle.")):
        return str(value).removeprefix("torch.").removeprefix("paddle.")
    import numpy as np

    try:
        return np.dtype(value).name
    except TypeError:
        return repr(value)
