"""LAMMPS with a model of dpa2, on any number of MPI ranks (`dpa2.interfaces.lammps`)."""

from .interfaces.lammps.attach import attach
from .interfaces.lammps.driver import Driver

__all__ = ["Driver", "attach"]
