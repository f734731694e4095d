"""The numbers of atoms by which a loss divides."""

from __future__ import annotations

from dataclasses import dataclass

from ...nn.arrays import Array, Float, array_namespace


@dataclass(frozen=True)
class Sizes:
    """1 for real atoms; the inverse numbers of atoms of frames, and their squares; the atoms and frames of the batch.

    Frames without a real atom, which fill up a batch, have inverse numbers of 0 and are not counted.
    """

    real: Float[Array, "frame slot"]
    inverse: Float[Array, "frame"]
    inverse_square: Float[Array, "frame"]
    atoms: Float[Array, ""]
    frames: Float[Array, ""]

    def mean(self, values: Float[Array, "frame slot component"]) -> Array:
        """Return the mean over components and over the real atoms of the batch, of all frames alike."""
        return array_namespace(values).sum(values * self.real[..., None]) / (values.shape[-1] * self.atoms)

    def mean_of_frames(self, values: Float[Array, "frame component"]) -> Array:
        """Return the mean over frames and components of values that are 0 in frames without a real atom."""
        return array_namespace(values).sum(values) / (values.shape[-1] * self.frames)


def sizes(real: Float[Array, "frame slot"], reference_rounding: bool) -> Sizes:
    """Return the sizes of a batch; the inverse numbers in float32, as the reference has them, where that is asked."""
    xp = array_namespace(real)
    count = xp.sum(real, axis=1)
    some = count > 0
    present = xp.astype(some, count.dtype)
    atoms, frames = xp.sum(count), xp.sum(present)
    filled = xp.where(some, count, xp.ones_like(count))
    if not reference_rounding:
        return Sizes(real, present / filled, present / filled**2, atoms, frames)
    inverse = xp.astype(present, xp.float32) / xp.astype(filled, xp.float32)
    square = xp.astype(inverse * inverse, count.dtype)
    return Sizes(real, xp.astype(inverse, count.dtype), square, atoms, frames)
