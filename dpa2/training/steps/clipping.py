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


def clipped(slopes: Mapping[str, Array], norm: float, limit: float) -> dict[str, Array]:
    """Return a gradient of that norm, made shorter where it is longer than the limit; a limit of 0 is none."""
    factor = min(1.0, limit / (norm + SMALL)) if limit > 0.0 else 1.0
    return dict(slopes) if factor == 1.0 else {name: slope * factor for name, slope in slopes.items()}
