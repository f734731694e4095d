"""Measures of the deviation of a number: its square, its absolute value, or Huber's function of it."""

from __future__ import annotations

from ...nn.arrays import Array, Float, array_namespace


def huber(x: Float[Array, "*axes"], delta: float) -> Array:
    """Return x² / 2 up to |x| = delta, and δ (|x| - δ/2) beyond, which continues it with the same slope."""
    xp = array_namespace(x)
    size = xp.abs(x)
    return xp.where(size <= delta, 0.5 * x * x, delta * (size - 0.5 * delta))


def length(x: Float[Array, "*axes 3"]) -> Array:
    """Return the lengths of vectors; the derivative at 0 is 0, as in the reference."""
    xp = array_namespace(x)
    square = xp.sum(x * x, axis=-1)
    some = square > 0.0
    return xp.where(some, xp.sqrt(xp.where(some, square, xp.ones_like(square))), xp.zeros_like(square))
