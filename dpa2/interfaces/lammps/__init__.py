"""LAMMPS runs molecular dynamics with a model of dpa2."""
