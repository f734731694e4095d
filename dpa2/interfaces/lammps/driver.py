"""A model that computes the forces of LAMMPS' atoms, through `fix external` and the list of `pair_style zero`."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np

from ...api import load
from ...backends.threads import available
from ...errors import DPA2Error, InputError, require
from ...model.model import Model
from ...neighbors import Neighbors
from ...structures.system import System, index_table, ordered_names
from .alone import Alone
from .company import share_processors
from .deviations import Deviations
from .evaluator import Evaluator, Forces
from .halo import Halo
from .nodes import Atoms, Nodes, node_table
from .reading import places_in_box, read_atoms, read_list, styles_of_computes, unit_of_energy

VOIGT = ([0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2])  # rows and columns of xx, yy, zz, xy, xz, yz, the order of LAMMPS
BY_CTRL_C = 130  # exit code of an interrupted program, as shells have it
OF_ATOMS = ("stress/atom", "heat/flux")  # computes that need the virial of each atom

ON_ONE_RANK = "MPIAbortException"  # of LAMMPS: an error that the other ranks do not know of


def attach(
    lmp: Any,
    model: Model | str | PathLike[str] | Sequence[Any],
    type_map: Sequence[str] | None = None,
    *,
    fix_id: str = "dpa2",
    overlay: bool = False,
    neighbors: str = "strict",
    fparam: Any = None,
    aparam: Any = None,
    out_freq: int = 100,
    out_file: str = "model_devi.out",
    atomic: bool = False,
    relative: float | None = None,
    relative_v: float | None = None,
) -> Driver:
    """Let a model compute energy, forces and virial of the atoms of LAMMPS, on all its MPI ranks.

    Parameters
    ----------
    lmp
        A `lammps` object whose box exists. On several ranks, all of them call this, and `mpi4py.MPI` was imported
        before `lmp` was made.
    model
        A `dpa2.Model`, or the name of a model file. Of several, the first gives the forces, and the deviation of all
        is written to a file.
    type_map
        The model's type of each type of LAMMPS. If None, the model's types in their order.
    fix_id
        ID of the `fix external` that this defines.
    overlay
        Whether the caller has given `pair_style hybrid/overlay zero CUTOFF full ...` and `pair_coeff * * zero`
        already. Otherwise this gives `pair_style zero CUTOFF full`.
    neighbors
        "strict" or "truncate", as for `Model.evaluate`.
    fparam, aparam
        Parameters of the frame, and those of each atom, equal for all, if the fitting net takes them.
    out_freq, out_file
        Steps from one line of deviations to the next, 0 for none, and the file, in the columns of DeePMD-kit.
    atomic, relative, relative_v
        Whether to write the deviation of each atom's force, too, and the levels of relative deviations.

    Returns
    -------
    Driver
        Run steps by its `run`, which raises the errors of the model; or by LAMMPS, and call `raise_error` after it.

    Raises
    ------
    InputError
        There is no box yet, the units are other than `metal` and `real`, a type or an argument is not valid.
    MissingDependency
        mpi4py is needed for several ranks, and not installed.
    """
    if not lmp.extract_setting("box_exist"):
        raise InputError("lmp: has no box yet; read the atoms first", argument="lmp")
    unit = unit_of_energy(lmp)
    comm = communicator(lmp)
    if comm.size > 1:
        share_processors(comm)
    given = [model] if isinstance(model, Model | str | PathLike) else list(model)
    models = [each if isinstance(each, Model) else load(each) for each in given]
    evaluators = [Evaluator(each, neighbors, fparam, aparam) for each in models]
    if comm.size > 1:
        evaluators = [each.on_threads(available()) for each in evaluators]
    types = types_of(models, type_map, lmp.extract_setting("ntypes"))
    levels = {"relative": relative, "relative_v": relative_v}
    deviations = Deviations(out_file, out_freq, comm, atomic=atomic, **levels) if len(models) > 1 else None
    driver = Driver(lmp, comm, evaluators, types, fix_id, unit, deviations)
    connect(lmp, driver, overlay)
    return driver


def communicator(lmp: Any) -> Any:
    """Return a communicator of LAMMPS' ranks, which nothing else uses."""
    if lmp.extract_setting("world_size") == 1:
        return Alone()
    require("mpi4py.MPI", "lammps")
    return lmp.get_mpi_comm().Dup()


def types_of(models: Sequence[Model], names: Sequence[str] | None, count: int) -> np.ndarray:
    """Return the model's type of each type of LAMMPS; all models must have the same types."""
    known = models[0].type_map
    for each in models[1:]:
        if each.type_map != known:
            rule = "all models need the same types, in the same order"
            raise InputError(
                f"model: types {', '.join(each.type_map)} and {', '.join(known)}; {rule}", argument="model"
            )
    names = known[:count] if names is None else ordered_names(names, "type_map")
    if len(names) != count:
        rule = "one of the model's types is wanted for each"
        raise InputError(f"type_map: {len(names)} names for {count} types of LAMMPS; {rule}", argument="type_map")
    for name in names:
        if name not in known:
            what = f"type_map: the model has no type {name!r}; it has {', '.join(known)}"
            raise InputError(what, argument="type_map", type=name)
    return index_table(names, known)


def connect(lmp: Any, driver: Driver, overlay: bool) -> None:
    """Give LAMMPS the pair style that makes the list, and the fix that calls the driver."""
    if not overlay:
        lmp.command(f"pair_style zero {driver.cutoff!r} full")
        lmp.command("pair_coeff * *")
    elif driver.cutoff > driver.evaluators[0].model.cutoff:
        raise InputError("model: with `overlay`, no other model may have a larger cutoff", argument="model")
    lmp.command(f"fix {driver.fix_id} all external pf/callback 1 1")
    lmp.command(f"fix_modify {driver.fix_id} energy yes virial yes")
    lmp.set_fix_external_callback(driver.fix_id, driver.callback, None)
    driver.look_at_computes()


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
        self.error: BaseException | None = None
        self.nodes: Nodes | None = None
        self.halo: Halo | None = None
        self.seen: tuple[int, float] | None = None
        self.styles: dict[str, str] = {}
        self.atom_virial = False

    def run(self, steps: int) -> None:
        """Run a number of steps; raises the error of the model, if there is one, on all ranks."""
        self.look_at_computes()
        try:
            self.lmp.command(f"run {steps}")
        except Exception as error:
            if self.comm.size > 1 and type(error).__name__ == ON_ONE_RANK:
                self.fail(error)
            self.raise_error()  # the cause of LAMMPS' error, if it is one of the model
            raise
        self.raise_error()

    def raise_error(self) -> None:
        """Raise the error that stopped LAMMPS, once."""
        if self.error is not None:
            error, self.error = self.error, None
            self.nodes = None
            self.lmp.command("timer timeout off")
            raise error

    def callback(self, caller: Any, step: int, own: int, tags: np.ndarray, positions: Any, forces: Any) -> None:
        """Write the forces of own atoms; no exception may leave this, since LAMMPS would go on without forces."""
        if own:
            forces[:] = 0.0
        if self.error is None:
            try:
                self.compute(step, own, forces)
            except BaseException as error:
                self.fail(error)
        if self.error is not None:
            self.lmp.lib.lammps_force_timeout(self.lmp.lmp)

    def fail(self, error: BaseException) -> None:
        """Keep an error of the only rank for `raise_error`; one that other ranks do not know of ends the job."""
        if self.comm.size == 1:
            self.error = error
            return
        interrupted = isinstance(error, KeyboardInterrupt)
        if not interrupted:
            text = f"dpa2: {error}\n" if isinstance(error, DPA2Error) else "".join(traceback.format_exception(error))
            sys.stderr.write(f"MPI rank {self.comm.rank}: {text}")
            sys.stderr.flush()
        self.comm.Abort(BY_CTRL_C if interrupted else 1)

    def compute(self, step: int, own: int, forces: Any) -> None:
        """Compute everything that LAMMPS wants to know of a step, unless the input of a rank is wrong."""
        start = time.perf_counter()
        ready, error = None, None
        try:
            ready = self.lists(step, own)
        except DPA2Error as failure:
            error = failure
        self.timings["list"] += time.perf_counter() - start
        self.agree(error)
        if self.error is None:
            assert ready is not None
            self.hand_over(step, own, forces, ready)

    def lists(self, step: int, own: int) -> list[tuple[System, Neighbors]]:
        """Return own atoms and neighbours for each model."""
        atoms = read_atoms(self.lmp, own)
        require_finite(atoms, self.comm.rank)
        builds = self.lmp.get_thermo("nbuild")
        followed = self.seen == (step - 1, builds)
        self.seen = step, builds
        if not followed:  # a run begins
            self.atom_virial = self.needs_atom_virial()
        if self.nodes is None or not followed or not self.nodes.fits(atoms):
            self.nodes = node_table(atoms, *read_list(self.lmp), self.types, self.cutoff)
            self.halo = None
        places = places_in_box(self.lmp, atoms.positions[:own])
        return [each.neighbors(self.nodes, atoms.positions, places, self.comm.rank) for each in self.evaluators]

    def agree(self, error: DPA2Error | None) -> None:
        """Let all ranks know of the first one's error, and make a plan for the exchange where one has new nodes."""
        start = time.perf_counter()
        failed, planless = self.comm.allreduce(
            np.array([error is not None, self.halo is None], dtype=np.int64), op=np.maximum
        )
        if failed:
            self.error = next(each for each in self.comm.allgather(error) if each is not None)
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
