"""Back ends: for each array library one file, with what the array-API standard lacks.

To add one, write a class that satisfies `protocol.Backend` and give it a line in `registry.BACKENDS`.
"""

from .registry import BACKENDS, CHOICES, NAMES, backend

__all__ = ["BACKENDS", "CHOICES", "NAMES", "backend"]
