"""A model that computes the forces of LAMMPS' atoms, through `fix external` and the list of `pair_style zero`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from ...errors import DPA2Error, InputError
from ...model.truncation import Truncation, warn
from ...neighbors import Neighbors
from ...structures.system import System
from .completeness import require_complete
from .deviations import Deviations
from .evaluator import Evaluator, Forces
from .failures import Failures
from .halo import Halo
from .nodes import Atoms, Nodes, node_table
from .reading import places_in_box, read_atoms, read_list, styles_of_computes

VOIGT = ([0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2])  # rows and columns of xx, yy, zz, xy, xz, yz, the order of LAMMPS
OF_ATOMS = ("stress/atom", "heat/flux")  # computes that need the virial of each atom


class Driver:
    """Computes forces whenever LAMMPS asks for them; made by `attach`.

    timings: seconds that this rank has spent with its neighbour list, with the exchange and with the model.
    """

    def __init__(
        self,
        lmp: Any,
        comm: Any,
        evaluators: Sequence[Evaluator],
        types: np.ndarray,
        fix_id: str,
        unit: float,
        deviations: Deviations | None = None,
    ):
        self.lmp, self.comm, self.evaluators, self.types = lmp, comm, evaluators, types
        self.fix_id, self.unit, self.deviations = fix_id, unit, deviations
        self.cutoff = float(max(each.model.cutoff for each in evaluators))
        self.timings = {"list": 0.0, "exchange": 0.0, "model": 0.0}
        self.failures = Failures(lmp, comm)
        self.nodes: Nodes | None = None
        self.halo: Halo | None = None
        self.seen: tuple[int, float] = (-2, -1.0)  # the last step, and how many lists LAMMPS had made
        self.styles: dict[str, str] = {}
        self.atom_virial = False
        self.warned = False  # of lists that are cut

    def run(self, steps: int) -> None:
        """Run a number of steps; raises the error of the model, if there is one, on all ranks."""
        self.look_at_computes()
        with self.watched():
            self.lmp.command(f"run {steps}")

    def watched(self) -> AbstractContextManager[None]:
        """Return a context for a command of LAMMPS that takes steps; it raises the error of the model."""
        return self.failures.watched()

    def raise_error(self) -> None:
        """Raise the error that stopped LAMMPS, once."""
        self.failures.raise_error()

    def callback(self, caller: Any, step: int, own: int, tags: np.ndarray, positions: Any, forces: Any) -> None:
        """Write the forces of own atoms."""
        if own:
            forces[:] = 0.0
        self.failures.guarded(lambda: self.compute(step, own, forces))

    def compute(self, step: int, own: int, forces: Any) -> None:
        """Compute everything that LAMMPS wants to know of a step, unless the input of a rank is wrong."""
        start = time.perf_counter()
        ready, error, cuts = None, None, []
        try:
            ready = self.lists(step, own)
            cuts = self.cuts(ready)
        except DPA2Error as failure:
            error = failure
        self.timings["list"] += time.perf_counter() - start
        self.agree(error, cuts)
        if self.failures.error is None:
            assert ready is not None
            self.hand_over(step, own, forces, ready)

    def lists(self, step: int, own: int) -> list[tuple[System, Neighbors]]:
        """Return own atoms and neighbours for each model."""
        atoms = read_atoms(self.lmp, own)
        require_finite(atoms, self.comm.rank)
        nodes = self.nodes_for(step, atoms)
        places = places_in_box(self.lmp, atoms.positions[:own])
        return [each.neighbors(nodes, atoms.positions, places, self.comm.rank) for each in self.evaluators]

    def nodes_for(self, step: int, atoms: Atoms) -> Nodes:
        """Return the nodes for these atoms, from LAMMPS' list if those of the last step do not serve them."""
        last, self.seen = self.seen, (step, self.lmp.get_thermo("nbuild"))
        begins = last[0] != step - 1  # a run, or another evaluation of a minimizer
        new_list = last[1] != self.seen[1]
        if begins:
            self.atom_virial = self.needs_atom_virial()
        if self.nodes is None or begins or new_list or not self.nodes.fits(atoms):
            known = None if new_list else self.nodes
            read = node_table(atoms, *read_list(self.lmp), self.types, self.cutoff)
            self.nodes, self.halo = read.as_old_as(known), None
            age_is_known = self.nodes is not read or not begins
            if not (age_is_known and self.nodes.fits(atoms)):
                require_complete(self.nodes, atoms.positions, self.cutoff, self.comm.rank)
        return self.nodes

    def cuts(self, ready: list[tuple[System, Neighbors]]) -> list[Truncation]:
        """Return what was cut from this rank's lists; nothing after the first rank has warned of it."""
        if self.warned:
            return []
        assert self.nodes is not None
        pairs = zip(self.evaluators, ready, strict=True)
        return [cut for evaluator, lists in pairs for cut in evaluator.cuts(self.nodes, *lists)]

    def warn(self, cuts: list[Truncation]) -> None:
        """Let the first rank issue one `TruncationWarning` for the lists of all ranks."""
        self.warned = True
        of_ranks = self.comm.allgather(cuts)
        if self.comm.rank == 0:
            warn(cut for each in of_ranks for cut in each)

    def agree(self, error: DPA2Error | None, cuts: list[Truncation]) -> None:
        """Let all ranks know of the first one's error, and make a plan for the exchange where one has new nodes."""
        start = time.perf_counter()
        mine = np.array([error is not None, self.halo is None, bool(cuts)], dtype=np.int64)
        failed, planless, cut = self.comm.allreduce(mine, op=np.maximum)
        if cut:
            self.warn(cuts)
        if failed:
            self.failures.error = next(each for each in self.comm.allgather(error) if each is not None)
            self.nodes = None
        elif planless:
            nodes = self.nodes
            assert nodes is not None
            self.halo = Halo(self.comm, nodes.own, nodes.tags, nodes.types)
        self.timings["exchange"] += time.perf_counter() - start

    def hand_over(self, step: int, own: int, forces: Any, ready: list[tuple[System, Neighbors]]) -> None:
        """Evaluate the models, and give LAMMPS what the first one says."""
        several = self.deviations is not None and self.deviations.wanted(step)
        found = [self.evaluate(k, *ready[k]) for k in range(len(ready) if several else 1)]
        totals = self.summed([np.append(each.virial.reshape(-1), each.energy) for each in found]) * self.unit
        first, lmp = found[0], self.lmp
        virials = totals[:, :9].reshape(-1, 3, 3)
        lmp.fix_external_set_energy_global(self.fix_id, float(totals[0, 9]))
        lmp.fix_external_set_virial_global(self.fix_id, components(virials[0]).tolist())
        if own:
            forces[:] = first.forces * self.unit
            lmp.numpy.fix_external_set_energy_peratom(self.fix_id, first.atom_energy * self.unit)
            if first.atom_virial is not None:
                shares = np.ascontiguousarray(components(first.atom_virial) * self.unit)
                lmp.numpy.fix_external_set_virial_peratom(self.fix_id, shares)
        if several:
            assert self.deviations is not None
            assert self.nodes is not None
            of_models = np.stack([each.forces for each in found]) * self.unit
            self.deviations.add(step, self.nodes.tags[:own], of_models, virials)

    def evaluate(self, number: int, system: System, found: Neighbors) -> Forces:
        """Return what a model gives for the own atoms."""
        halo = self.halo
        assert halo is not None
        start, before = time.perf_counter(), halo.seconds
        result = self.evaluators[number].compute(system, found, self.atom_virial and number == 0, halo)
        exchange = halo.seconds - before
        self.timings["exchange"] += exchange
        self.timings["model"] += time.perf_counter() - start - exchange
        return result

    def summed(self, shares: list[np.ndarray]) -> np.ndarray:
        """Return the sums of some numbers over all ranks, the same on each."""
        start = time.perf_counter()
        total: np.ndarray = self.comm.allreduce(np.stack(shares))
        self.timings["exchange"] += time.perf_counter() - start
        return total

    def look_at_computes(self) -> None:
        """Find out whether a compute of LAMMPS needs the virial of each atom, which takes four times as long.

        Call it before LAMMPS' own `run` when there are new computes; of those that it has not seen, one may need it.
        """
        self.styles = styles_of_computes(self.lmp, self.comm)

    def needs_atom_virial(self) -> bool:
        """Return whether a compute needs the virial of each atom, or one is new and may."""
        present = self.lmp.available_ids("compute")
        return any(self.styles.get(name, OF_ATOMS[0]).startswith(OF_ATOMS) for name in present)


def components(tensor: np.ndarray) -> np.ndarray:
    """Return the six components of symmetric tensors (..., 3, 3) in the order of LAMMPS."""
    return 0.5 * (tensor + tensor.swapaxes(-1, -2))[..., VOIGT[0], VOIGT[1]]


def require_finite(atoms: Atoms, rank: int) -> None:
    """Raise `InputError` for the first own atom whose position is no number."""
    bad = np.flatnonzero(~np.isfinite(atoms.positions).all(axis=1))
    if len(bad):
        tag, place = int(atoms.tags[bad[0]]), atoms.positions[bad[0]].tolist()
        what = f"coordinates: atom id {tag} on MPI rank {rank} is at {place}; must be finite numbers"
        raise InputError(what, argument="coordinates", atom=tag, rank=rank)
