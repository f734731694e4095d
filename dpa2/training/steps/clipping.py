"""The length of a gradient, and its limit (section 4)."""

from __future__ import annotations

from collections.abc import Mapping

from ...nn.arrays import Array, array_namespace

SMALL = 1e-6  # added to the length, as the reference does it


def length(slopes: Mapping[str, Array]) -> Array:
    """Return the Euclidean norm over all numbers of all arrays."""
    xp = array_namespace(next(iter(slopes.values())))
    squares = xp.stack([xp.sum(slope * slope) for slope in slopes.values()])
    return xp.sqrt(xp.sum(squares))


def shortening(norm: float, limit: float) -> float:
    """Return the factor that makes a gradient of that norm no longer than the limit; a limit of 0 is none."""
    return min(1.0, limit / (norm + SMALL)) if limit > 0.0 else 1.0


def scaled(slopes: Mapping[str, Array], factor: float) -> dict[str, Array]:
    """Return a gradient times a number."""
    return {name: slope * factor for name, slope in slopes.items()}
