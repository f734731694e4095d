"""Structures from outside: systems and their checks, data folders, structure files."""
