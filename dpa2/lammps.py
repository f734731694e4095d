"""LAMMPS with a model of dpa2, on any number of MPI ranks (`dpa2.interfaces.lammps`)."""

from .interfaces.lammps.driver import Driver, attach

__all__ = ["Driver", "attach"]
