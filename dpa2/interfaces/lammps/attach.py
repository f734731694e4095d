"""`attach`: a model for the atoms of a running LAMMPS."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np

from ...api import load
from ...backends.threads import available
from ...errors import InputError, require
from ...model.model import Model
from ...structures.system import index_table, ordered_names
from .alone import Alone
from .company import share_processors
from .deviations import Deviations
from .driver import Driver
from .evaluator import Evaluator
from .reading import unit_of_energy


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
    several = len(models) > 1
    deviations = Deviations(out_file, out_freq, comm, atomic=atomic, unit=unit, **levels) if several else None
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
