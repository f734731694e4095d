"""Back ends: for each array library one file, with what the array-API standard lacks.

To add one, write a class that satisfies `protocol.Backend` and give it a line in `registry.BACKENDS`. For a library
that follows the standard, `register` and `Standard` need no change of dpa2.
"""

from typing import Any

from .registry import BACKENDS, CHOICES, NAMES, backend, register

__all__ = ["BACKENDS", "CHOICES", "NAMES", "Standard", "backend", "register"]


def __getattr__(name: str) -> Any:
    """Import `Standard` when it is asked for: it needs NumPy, which the table of back ends does not."""
    if name == "Standard":
        from .standard import Standard

        return Standard
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
