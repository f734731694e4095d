"""The precision in which each tensor is kept (specification section 14)."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..config import DPA2Config
from ..dtypes import DTYPES, dtype_name
from ..errors import ConfigurationError
from ..nn.module import Leaf


def in_precision(config: DPA2Config, dtype: Any) -> DPA2Config:
    """Return the same configuration in another precision throughout, which is a name or a dtype of a library."""
    name = dtype_name(dtype)
    if name not in DTYPES:
        raise ConfigurationError(f"dtype = {dtype!r}: must be one of {', '.join(DTYPES)}", path="dtype", value=dtype)
    return dataclasses.replace(config, dtype=name, fitting=dataclasses.replace(config.fitting, dtype=name))


def precision(config: DPA2Config, leaf: Leaf, wide: str = "float64") -> str:
    """Return the precision of a tensor, of the weights or of the program; `wide` is that of energies."""
    if leaf.role.wide:
        return wide
    return config.fitting.dtype if leaf.part == "fitting" else config.dtype


def stored_precision(config: DPA2Config, leaf: Leaf) -> str:
    """Return the precision in which NumPy holds a tensor: float32 for bfloat16, which NumPy does not have."""
    return DTYPES[precision(config, leaf)].holder
