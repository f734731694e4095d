"""The numbers of atoms by which a loss divides."""

from __future__ import annotations

from dataclasses import dataclass

from ...nn.arrays import Array, Float, array_namespace


@dataclass(frozen=True)
class Sizes:
    """1 for real atoms; the inverse numbers of atoms of frames, and their squares; the atoms of the whole batch."""

    real: Float[Array, "frame slot"]
    inverse: Float[Array, "frame"]
    inverse_square: Float[Array, "frame"]
    atoms: Float[Array, ""]

    def mean(self, values: Float[Array, "frame slot component"]) -> Array:
        """Return the mean over components and over the real atoms of the batch, of all frames alike."""
        return array_namespace(values).sum(values * self.real[..., None]) / (values.shape[-1] * self.atoms)


def sizes(real: Float[Array, "frame slot"], reference_rounding: bool) -> Sizes:
    """Return the sizes of a batch; the inverse numbers in float32, as the reference has them, where that is asked."""
    xp = array_namespace(real)
    count = xp.sum(real, axis=1)
    if not reference_rounding:
        return Sizes(real, 1.0 / count, 1.0 / count**2, xp.sum(count))
    inverse = 1.0 / xp.astype(count, xp.float32)
    square = xp.astype(inverse * inverse, count.dtype)
    return Sizes(real, xp.astype(inverse, count.dtype), square, xp.sum(count))
