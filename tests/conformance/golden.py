"""Golden vectors that a test asks for by a part of their names."""

from __future__ import annotations

from dpa2.conformance.vectors import Vector, shipped


def named(part: str) -> Vector:
    """Return the first shipped vector whose structure is the one named."""
    return next(vector for vector in shipped() if vector.name.endswith(part))
