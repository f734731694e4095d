"""The modules of the package as JAX pytrees: weights are leaves, settings are part of the structure."""

from __future__ import annotations

import dataclasses
from functools import lru_cache

from ..nn.module import array_fields, for_each_module


@lru_cache
def register_modules() -> None:
    """Register every module class with JAX, those that are defined later included."""
    for_each_module(register_module)


def register_module(cls: type) -> None:
    """Register one module class with JAX."""
    from jax.tree_util import register_dataclass

    arrays = [f.name for f in array_fields(cls)]
    settings = [f.name for f in dataclasses.fields(cls) if f.name not in arrays]
    register_dataclass(cls, data_fields=arrays, meta_fields=settings)
