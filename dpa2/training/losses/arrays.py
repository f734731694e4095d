"""The arrays that a loss compares: predictions and labels of a batch of frames, with a common number of slots.

A slot holds an atom, or is empty in a frame of fewer atoms; `real` is 1 and 0 there.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from ...nn.arrays import Array, Float, MaybeNone


@dataclass(frozen=True)
class Predictions:
    """The predictions of a model for a batch; eV and Å."""

    energy: Float[Array, "frame"]
    forces: Float[Array, "frame slot 3"]
    virial: Float[Array, "frame 3 3"]
    atom_energy: Float[Array, "frame slot"]


@dataclass(frozen=True)
class Labels:
    """The labels of a batch; None for those that are not known.

    force_weights: of the term of weighted forces. generalized: derivatives of the atoms' coordinates by generalised
    ones. energy_coefficients: of atomic energies in the energy, where the loss is told to use them.
    """

    energy: Float[Array, "frame"] | MaybeNone = None
    forces: Float[Array, "frame slot 3"] | MaybeNone = None
    virial: Float[Array, "frame 3 3"] | MaybeNone = None
    atom_energy: Float[Array, "frame slot"] | MaybeNone = None
    force_weights: Float[Array, "frame slot"] | MaybeNone = None
    generalized: Float[Array, "frame slot 3 coordinate"] | MaybeNone = None
    energy_coefficients: Float[Array, "frame slot"] | MaybeNone = None

    def known(self) -> tuple[str, ...]:
        """Return the names of what is known."""
        return tuple(f.name for f in fields(self) if getattr(self, f.name) is not None)
