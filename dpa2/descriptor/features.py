"""The representations of the repformer: f per atom, g and h per neighbour."""

from __future__ import annotations

from collections.abc import Callable

from ..nn.arrays import Array, Float, Int, MaybeNone, array_namespace
from ..nn.module import module


@module
class Features:
    """The representations of a chunk of atoms; as an update or a cotangent, fields may be missing."""

    atom: Float[Array, "atom f"] | MaybeNone = None
    near: Float[Array, "atom neighbor f"] | MaybeNone = None
    pair: Float[Array, "atom neighbor g"] | MaybeNone = None
    direction: Float[Array, "atom neighbor 3"] | MaybeNone = None
    switch: Float[Array, "atom neighbor"] | MaybeNone = None

    def __add__(self, other: Features) -> Features:
        return Features(*(plus(getattr(self, n), getattr(other, n)) for n in FIELDS))

    def filled(self, like: Features) -> Features:
        """With zeros, as large as in `like`, for what is missing."""
        mine = {n: getattr(self, n) for n in FIELDS}
        missing = [n for n in FIELDS if mine[n] is None and getattr(like, n) is not None]
        zeros = {n: array_namespace(like.atom).zeros_like(getattr(like, n)) for n in missing}
        return Features(**mine | zeros)


FIELDS = ("atom", "near", "pair", "direction", "switch")
UpdateVJP = tuple[Features, Callable[[Features], Features]]  # an update of the representations, and its pullback
InputVJP = tuple[Array, Callable[[Array], Features]]  # an input of the merged update of f, and its pullback


def plus(a: Array | None, b: Array | None) -> Array | None:
    """a + b where missing means zero."""
    if a is None or b is None:
        return b if a is None else a
    return a + b


@module
class Sums:
    """The factors η of sums over neighbours, in the symmetrisation and in the convolution (8.4, 8.5)."""

    symmetrization: Float[Array, "atom 1"]
    convolution: Float[Array, "atom 1"]


@module
class Links:
    """The edges of a chunk within the repformer's cutoff, and the factors of sums over neighbours.

    near: the row of each neighbour. incoming: for each atom the positions, among the edges of all chunks, of the edges
    that lead to it. arriving: 1 for each of these, 0 where there are no more.
    """

    near: Int[Array, "atom neighbor"]
    incoming: Int[Array, "atom edge"]
    arriving: Float[Array, "atom edge"]
    sums: Sums
