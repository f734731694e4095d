"""Results of single systems as arrays of a batch, padded to a common number of slots."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...evaluation.results import Evaluation
from ...nn.arrays import Array, Float, array_namespace, like
from ...structures.system import are_real
from .arrays import Predictions


def predictions_of(evaluations: Sequence[Evaluation]) -> Predictions:
    """Return the results of several systems as arrays of a batch; slots without an atom hold zeros."""
    xp, slots = array_namespace(evaluations[0].forces), max(out.forces.shape[0] for out in evaluations)
    return Predictions(
        energy=xp.stack([out.energy for out in evaluations]),
        forces=xp.stack([padded(out.forces, slots) for out in evaluations]),
        virial=xp.stack([out.virial for out in evaluations]),
        atom_energy=xp.stack([padded(out.atom_energy, slots) for out in evaluations]),
    )


def padded(values: Float[Array, "atom *rest"], slots: int) -> Float[Array, "slot *rest"]:
    """Return values of atoms with rows of zeros behind them."""
    missing = slots - values.shape[0]
    if missing == 0:
        return values
    xp = array_namespace(values)
    return xp.concat([values, like(np.zeros((missing, *values.shape[1:])), values)])


def real_atoms(types: Sequence[np.ndarray]) -> Float[np.ndarray, "frame slot"]:
    """Return 1 for real atoms, 0 for virtual ones and for slots without an atom, from the types of each system.

    types: indices, or names, which are those of real atoms.
    """
    real = np.zeros((len(types), max(map(len, types))))
    for row, of_frame in zip(real, types, strict=True):
        row[: len(of_frame)] = are_real(of_frame)
    return real
