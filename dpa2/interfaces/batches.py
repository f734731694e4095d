"""Batches of systems that move little at a time, evaluated with neighbour lists that are kept from batch to batch."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np

from ..api import load
from ..backends.own_settings import undisturbed
from ..backends.protocol import Backend
from ..errors import InputError
from ..model.model import Model
from ..model.preparation import check_systems, require_room
from ..model.truncation import warn_of_truncation
from ..model.weighted import weighted_forces
from ..neighbors import SkinList
from ..structures.elements import Elements
from ..structures.system import System


class Batches:
    """Evaluations with a model, of which each system is expected to be near the one of the same number before.

    skin: Å, as of `SkinList`; results do not depend on it. neighbors: "strict" or "truncate", as for `Model.evaluate`.
    """

    def __init__(self, model: Model, skin: float, neighbors: str) -> None:
        self.model, self.skin, self.neighbors = model, skin, neighbors
        self.lists = [self.new_list()]

    @property
    def backend(self) -> Backend:
        """The back end of the model."""
        return self.model.backend

    def new_list(self) -> SkinList:
        """Return a list for one more system; raise `InputError` where skin or neighbors are not valid."""
        (cutoff, most), pairs = self.model.cutoffs.repinit, self.model.config.model_excluded_pairs
        options = {"neighbors": self.neighbors, "excluded_pairs": pairs, "type_map": self.model.type_map}
        return SkinList(cutoff, most, self.skin, **options)

    @undisturbed
    def evaluate(
        self, given: Sequence[System], weights: Sequence[np.ndarray] | None = None, **options: Any
    ) -> list[Any]:
        """Return the results of systems, in one pass. Errors are those of `Model.evaluate_many`.

        weights: of the energies of atoms, in the sum to which forces and virial belong; None for 1. options: those of
        `Model.compute`.
        """
        config, count = self.model.config, len(given)
        systems = check_systems(config, given)
        self.lists = [*self.lists[:count], *(self.new_list() for _ in range(count - len(self.lists)))]
        found = [kept.update(system) for kept, system in zip(self.lists, systems, strict=True)]
        for neighbors, system in zip(found, systems, strict=True):
            require_room(config, neighbors, system, self.neighbors)
        warn_of_truncation(config, systems, found)
        if weights is not None:
            return weighted_forces(self.model, systems, found, weights)
        return self.model.compute(systems, found, **options)


def end_to_end(
    elements: Elements,
    positions: np.ndarray,
    numbers: np.ndarray,
    cells: np.ndarray,
    pbc: np.ndarray,
    sizes: Any,
    fparam: Any = None,
) -> list[System]:
    """Return systems of some sizes from positions and atomic numbers of all atoms, which lie end to end.

    cells: (system, 3, 3), rows are lattice vectors. pbc: (system, 3). fparam: frame parameters of all systems.
    """
    ends = np.cumsum(sizes)[:-1]
    names = [f"system {k}" if len(sizes) > 1 else "" for k in range(len(sizes))]
    parts = zip(names, np.split(positions, ends), np.split(numbers, ends), cells, pbc, strict=True)
    return [System(x, elements.types(z, name), cell, fparam, pbc=flags) for name, x, z, cell, flags in parts]


def on_torch(
    file: str | PathLike[str] | Model, device: Any = None, dtype: Any = None, head: str | None = None
) -> Model:
    """Return the model of a file, or a model, on PyTorch; device and dtype: None for those that it has."""
    place = None if device is None else str(device)
    if not isinstance(file, Model):
        return load(file, "torch", dtype, place, head)
    if head is not None:
        raise InputError(f"head = {head!r}: is for files; a Model has one head", argument="head")
    return file.to(None if file.backend.name == "torch" else "torch", device=place, dtype=dtype)
