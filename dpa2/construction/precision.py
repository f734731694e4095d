"""In which precision each tensor is kept (specification section 14)."""

from __future__ import annotations

import dataclasses

from ..config import DTYPES, DPA2Config
from ..errors import ConfigurationError

WIDE = ("bias", "deviation", "counted", "fitting.bias")  # kept in the precision of energies


def in_precision(config: DPA2Config, dtype: str) -> DPA2Config:
    """The same configuration in another precision throughout."""
    if dtype not in DTYPES:
        raise ConfigurationError(f"dtype = {dtype!r}: is one of {DTYPES}", path="dtype", value=dtype)
    return dataclasses.replace(config, dtype=dtype, fitting=dataclasses.replace(config.fitting, dtype=dtype))


def precision(config: DPA2Config, name: str, backend) -> str:
    """The precision in which a tensor, of the weights or of the program, is kept (specification section 14)."""
    name = name.removeprefix("head.")
    if name in WIDE:
        return backend.wide()
    return config.fitting.dtype if name.startswith("fitting.") else config.dtype
