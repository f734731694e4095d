"""Atoms of all systems laid end to end and cut into chunks, on the host."""
