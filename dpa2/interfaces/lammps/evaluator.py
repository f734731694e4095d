"""A model for the own atoms of a rank: its neighbour list, with errors that name atoms as LAMMPS does."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np

from ...errors import InputError, TooManyNeighbors
from ...evaluation.halo import Halo
from ...model.model import Model
from ...model.preparation import require_room
from ...model.truncation import Truncation, truncations
from ...neighbors import Neighbors, Selection
from ...nn.arrays import Float
from ...structures.parameters import refuse_unasked, with_defaults
from ...structures.system import System
from .nodes import Nodes


@dataclass(frozen=True)
class Forces:
    """The results of a model for the own atoms of a rank, NumPy arrays in eV and Å.

    energy, virial: (3, 3), the shares of this rank. forces: (N, 3). atom_energy: (N,). atom_virial: (N, 3, 3) or None.
    """

    energy: float
    forces: np.ndarray
    virial: np.ndarray
    atom_energy: np.ndarray
    atom_virial: np.ndarray | None


class Evaluator:
    """A model with what its evaluations need besides atoms.

    neighbors: "strict" or "truncate", as for `Model.evaluate`. fparam, aparam: parameters of the frame, and those that
    all atoms have.
    """

    def __init__(self, model: Model, neighbors: str, fparam: Any = None, aparam: Any = None):
        model.require_energies("LAMMPS")
        refuse_unasked(model.config.fitting, fparam, aparam)
        self.model, self.mode = model, neighbors
        self.fparam = None if fparam is None else np.atleast_1d(np.asarray(fparam, dtype=np.float64))
        self.aparam = None if aparam is None else np.atleast_1d(np.asarray(aparam, dtype=np.float64))
        limits, pairs = model.cutoffs.repinit, model.config.model_excluded_pairs
        self.selection = Selection(*limits, pairs, neighbors, model.type_map)
        self.system(np.zeros((1, 3)), np.zeros(1, dtype=np.int64))  # refuses parameters that do not fit, at once

    def system(self, positions: Float[np.ndarray, "atom 3"], types: np.ndarray) -> System:
        """Return atoms as a checked system."""
        own = None if self.aparam is None else np.broadcast_to(self.aparam, (len(types), *self.aparam.shape))
        names = self.model.type_map
        system = System(positions, types, None, self.fparam, own, "", names, (False, False, False))
        return with_defaults(system, self.model.config.fitting)

    def neighbors(
        self, nodes: Nodes, positions: Float[np.ndarray, "atom 3"], own: Float[np.ndarray, "atom 3"], rank: int
    ) -> tuple[System, Neighbors]:
        """Return the own atoms with their neighbours.

        positions: of LAMMPS' own atoms and ghosts. own: of own atoms, in the box. Raises `TooManyNeighbors` and
        `InputError` that name ids and rank.
        """
        system = self.system(own, nodes.types[: nodes.own])
        try:
            found = nodes.neighbors(positions, self.selection)
            if nodes.own:
                require_room(self.model.config, found, system, self.mode)
        except TooManyNeighbors as error:
            refuse_too_many(error, nodes, rank, self.model.type_map)
        except InputError as error:
            refuse_pair(error, nodes, rank)
        return system, found

    def cuts(self, nodes: Nodes, system: System, found: Neighbors) -> list[Truncation]:
        """Return what was cut from the lists of this rank's atoms, with ids."""
        if self.mode == "strict" or nodes.own == 0:
            return []
        return [replace(t, atom=int(nodes.tags[t.atom])) for t in truncations(self.model.config, system, found)]

    def compute(self, system: System, found: Neighbors, atom_virial: bool, halo: Halo) -> Forces:
        """Return energy, forces and virial of the own atoms; all ranks call this together."""
        (out,) = self.model.compute([system], [found], atom_virial=atom_virial, halo=halo)
        names = "forces", "virial", "atom_energy", "atom_virial"
        arrays = {name: self.on_host(getattr(out, name)) for name in names}
        return Forces(energy=float(self.model.backend.to_numpy(out.energy)), **arrays)

    def on_host(self, array: Any) -> Any:
        """Return an array in float64, or None for None."""
        return None if array is None else self.model.backend.to_numpy(array).astype(np.float64, copy=False)

    def on_threads(self, threads: int) -> Evaluator:
        """Return the same with a model that uses so many threads."""
        backend: Any = copy(self.model.backend)
        backend.threads = threads
        other = copy(self)
        other.model = replace(self.model, backend=backend)
        return other


def refuse_too_many(error: TooManyNeighbors, nodes: Nodes, rank: int, type_map: tuple[str, ...]) -> NoReturn:
    """Raise the same error with the id of the atom, and the rank that has it."""
    facts: dict[str, Any] = error.facts
    tag = int(nodes.tags[facts["atom"]])
    raise TooManyNeighbors(
        f"atom id {tag} ({type_map[facts['type']]}) on MPI rank {rank} has {facts['count']} neighbours within "
        f"{facts['cutoff']} Å, the model's {facts['block']} holds {facts['limit']}. Use a model with a larger "
        f"max_neighbors there, or keep the nearest {facts['limit']}, by `neighbors truncate` in pair_style or "
        "`neighbors='truncate'` of attach: "
        "the energy then jumps where a neighbour enters or leaves.",
        **(facts | {"atom": tag, "rank": rank}),
    ) from error


def refuse_pair(error: InputError, nodes: Nodes, rank: int) -> NoReturn:
    """Raise the error of two atoms that are too close with their ids; any other as it is."""
    facts: dict[str, Any] = error.facts
    if "other" not in facts:
        raise error
    atom, other = (int(nodes.tags[facts[name]]) for name in ("atom", "other"))
    apart = f"{facts['distance']:.3g} Å apart, less than the {facts['limit']} Å below which energies mean nothing"
    what = f"coordinates: atoms id {atom} and id {other} on MPI rank {rank} are {apart}"
    raise InputError(what, **(facts | {"atom": atom, "other": other, "rank": rank})) from error
