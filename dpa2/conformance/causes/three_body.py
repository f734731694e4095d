"""Mistakes in the three-body block (specification section 6)."""

from __future__ import annotations

import dataclasses

import numpy as np

from ...descriptor.environment import EnvironmentRows
from ...descriptor.three_body import ThreeBody, ThreeBodyProgram
from .cause import Cause, swap
from .repinit import OwnTypeFirst


class SecondTypeFirst(OwnTypeFirst, ThreeBody):
    """A three-body block whose nets take the type of the second neighbour before that of the first."""


class OfDifferentNeighbors(ThreeBodyProgram):
    """The sum over pairs of different slots; the slot that stands for all empty ones counts as many."""

    def share(self, slots: EnvironmentRows):
        width = slots.rows.shape[1]
        counted = np.ones((1, width)) if slots.multiplicity is None else slots.multiplicity
        pairs = counted[:, :, None] * counted[:, None, :] - np.eye(width) * counted[:, None, :]
        return pairs / self.environment.max_neighbors**2


class DiagonalZeroed(OfDifferentNeighbors):
    """A sum in which κ = 0 for a neighbour with itself."""

    def scalars_vjp(self, slots: EnvironmentRows):
        kappa, pull = super().scalars_vjp(slots)
        same = np.eye(kappa.shape[-1])
        if slots.multiplicity is not None:
            same[-1, -1] = 0.0  # the last slot stands for many, which form mostly pairs of different slots
        return kappa * (1.0 - same), pull


class Cosine(ThreeBodyProgram):
    """A three-body block in which κ is the cosine: that of vectors of length 1."""

    def scalars_vjp(self, slots: EnvironmentRows):
        v = slots.rows[..., 1:]
        unit = v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-30)
        rows = np.concatenate([slots.rows[..., :1], unit], axis=-1)
        return super().scalars_vjp(dataclasses.replace(slots, rows=rows))


CAUSES = (
    Cause(
        "three-body-types-swapped",
        "three-body: the type of the second neighbour before that of the first",
        "6",
        weights=swap(ThreeBody, SecondTypeFirst),
    ),
    Cause(
        "diagonal-left-out",
        "three-body: pairs of a neighbour with itself are left out",
        "6, trap T16",
        program=swap(ThreeBodyProgram, OfDifferentNeighbors),
    ),
    Cause(
        "diagonal-zeroed",
        "three-body: the scalar is 0 for pairs of a neighbour with itself",
        "6, trap T16",
        program=swap(ThreeBodyProgram, DiagonalZeroed),
    ),
    Cause("kappa-cosine", "three-body: the scalar is a cosine", "6, trap T16", program=swap(ThreeBodyProgram, Cosine)),
)
