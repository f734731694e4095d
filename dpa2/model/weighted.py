"""Forces and virials of sums of the energies of atoms with weights, such as of some atoms alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..backends.own_settings import undisturbed
from ..evaluation.forces import results_of
from ..evaluation.results import Evaluation
from ..neighbors import Neighbors
from ..structures.system import System
from .model import Model
from .preparation import in_chunks


@undisturbed
def weighted_forces(
    model: Model, systems: Sequence[System], lists: Sequence[Neighbors], weights: Sequence[np.ndarray]
) -> list[Evaluation]:
    """Return the results of checked systems with their lists, forces and virial being those of Σ w_i E_i.

    weights: w (N,) of each system, float64.
    """
    worker = model.worker
    backend = worker.backend
    ready = in_chunks(worker.config, backend, systems, lists)
    energies, pull = worker.program_for(lists).vjp(ready.chunks, ready.inputs, backend, ready.exchange)
    real = [system.types >= 0 for system in systems]
    rows = (np.concatenate(weights) * np.concatenate(real))[ready.plan.order] * ready.plan.present
    gradients = pull(backend.arrays(ready.plan.cut(rows), backend.wide()))
    return [model.adopted(result) for result in results_of(backend, ready, energies, gradients)]
