"""Seconds and memory of a step of molecular dynamics in LAMMPS, in turns with DeePMD-kit's pair style.

Both run the same input file from the same start, on the same number of ranks and processors.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np

from .measuring import Failed, environment, interpreters
from .program import Bench, Options, Program, bars
from .stepping import Stepping, by_itself, in_turns
from .task import model_file

LIBRARIES = ("numpy", "jax")
PROCESSORS = 2  # shared by all ranks
ROW = re.compile(r"^ +\d+ +-\d+\.\d+ ", re.MULTILINE)  # step and potential energy
INPUT = """\
units           metal
atom_style      atomic
neighbor        1.0 bin
read_data       water.data
pair_style      {style}
pair_coeff      * * O H
timestep        0.0005
velocity        all create 300 1 loop all
fix             nve all nve
thermo          1
thermo_style    custom step pe etotal press
thermo_modify   format float %.14g flush yes
run             1000000
"""


def write_task(folder: Path, style: str, atoms: int) -> None:
    """Write an input file and a box of water."""
    from dpa2.testing import water_box

    box = water_box(atoms // 3, seed=0)
    lengths, types = np.diag(box.cell), [1 if name == "O" else 2 for name in box.types]
    places = zip(types, np.asarray(box.coordinates) % lengths, strict=True)
    edges = "\n".join(f"0 {length} {axis}lo {axis}hi" for axis, length in zip("xyz", lengths, strict=True))
    rows = "\n".join(f"{k} {kind} {x} {y} {z}" for k, (kind, (x, y, z)) in enumerate(places, start=1))
    head = f"water\n\n{atoms} atoms\n2 atom types\n{edges}\n\nMasses\n\n1 15.999\n2 1.008\n\nAtoms\n\n"
    (folder / "water.data").write_text(head + rows + "\n")
    (folder / "in.water").write_text(INPUT.format(style=style))


def steps_done(log: str) -> int:
    """The number of steps in a log of LAMMPS."""
    return len(ROW.findall(log))


def on_ranks(python: str, ranks: int, command: list[str]) -> list[str]:
    """A command under the `mpiexec` of an environment."""
    return [str(Path(python).with_name("mpiexec")), "-n", str(ranks), *command]


def ours(folder: Path, library: str, model: Path, atoms: int, ranks: int) -> Stepping:
    """Our run."""
    write_task(folder, f"dpa2 {model} backend {library}", atoms)
    command = on_ranks(sys.executable, ranks, [sys.executable, "-m", "dpa2", "lammps", "-in", "in.water"])
    kept = {"DPA2_CACHE": os.environ.get("DPA2_CACHE", "off"), "PYTHONPATH": str(Path(__file__).parents[1])}
    return Stepping(command, folder, "log.lammps", steps_done, environment(PROCESSORS // ranks) | kept)


def theirs(folder: Path, python: str, model: Path, atoms: int, ranks: int) -> Stepping:
    """The run of DeePMD-kit."""
    run_in = environment(PROCESSORS // ranks) | {"LD_LIBRARY_PATH": ":".join(library_folders(python))}
    convert = [str(Path(python).with_name("dp")), "convert-backend", str(model), "peer.pth"]
    done = subprocess.run(convert, cwd=folder, env=run_in, capture_output=True, text=True)
    if done.returncode:
        raise Failed((done.stderr.strip().splitlines() or ["no message"])[-1])
    write_task(folder, "deepmd peer.pth", atoms)
    command = on_ranks(python, ranks, [str(Path(python).with_name("lmp")), "-in", "in.water"])
    return Stepping(command, folder, "log.lammps", steps_done, run_in)


def library_folders(python: str) -> list[str]:
    """The folders of MPI and of CUDA's runtime, which the pair style loads, in an environment."""
    place = Path(python).parents[1] / "lib"
    found = [next(place.rglob(name), None) for name in ("libmpi.so.12", "libcudart.so.12")]
    return [str(each.parent) for each in found if each is not None]


def measured(library: str, model: Path, atoms: int, ranks: int, python: str | None, steps: int) -> dict:
    """Measure our run in turns with DeePMD-kit's, or alone without its interpreter."""
    with (
        tempfile.TemporaryDirectory() as one,
        tempfile.TemporaryDirectory() as two,
        ours(Path(one), library, model, atoms, ranks) as mine,
    ):
        if python is None:
            return by_itself(mine, steps)
        with theirs(Path(two), python, model, atoms, ranks) as other:
            return in_turns(mine, other, steps)


def cells(options: Options, bench: Bench) -> Iterable:
    """Yield a cell for each library, number of atoms and number of ranks."""
    python, name = interpreters().get("pt"), "small" if options.quick else "medium"
    model = Path(model_file(name, "float64", bench.folder)).resolve()
    for atoms in (48,) if options.quick else (192, 1536):
        for ranks in (1, 2):
            for library in (each for each in LIBRARIES if each in options.libraries):
                labels = {"library": library, "model": name, "atoms": atoms, "ranks": ranks}
                steps = 2 if options.quick else options.calls
                yield labels, partial(measured, library, model, atoms, ranks, python, steps)


COLUMNS = [
    "library",
    "model",
    "atoms",
    "ranks",
    "median",
    "first",
    "peak_mb",
    "peer_median",
    "peer_peak_mb",
    "faster",
    "leaner",
]
PROGRAM = Program("lammps", "a step of molecular dynamics in LAMMPS (water, float64)", COLUMNS, cells,
                  bars("library atoms ranks", "median", "seconds a step"))  # fmt: skip

if __name__ == "__main__":
    PROGRAM.main()
