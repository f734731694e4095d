"""Structures in the forms in which users have them: systems, frames of data, ASE atoms, tuples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ..errors import InputError, shorten
from .datasets import Frame
from .system import System

FORMS = "a dpa2.System, a frame of a data set, ASE atoms, or a tuple (coordinates, types, cell)"


def is_structure(value: Any) -> bool:
    """Return whether a value is a whole structure, and not coordinates alone."""
    return isinstance(value, (System, Frame)) or is_ase(value)


def is_ase(value: Any) -> bool:
    """Return whether a value has what ASE's atoms have; ASE itself need not be installed."""
    return all(hasattr(value, name) for name in ("get_chemical_symbols", "positions", "cell", "pbc"))


def system_of(value: Any, name: str = "") -> System:
    """Return one structure as a system; `checked` examines it later.

    Raises `InputError` for anything else than a system, a frame of a data set, ASE atoms or a tuple of arguments.
    """
    if isinstance(value, System):
        return value
    if isinstance(value, Frame):
        return value.system
    if is_ase(value):
        return System.from_ase(value, name=name)
    if isinstance(value, tuple) and len(value) in (2, 3):
        return System(*value)
    raise InputError(f"{name or 'system'}: {shorten(value)} is no structure; pass {FORMS}", argument="systems")


def systems_of(values: Iterable[Any]) -> list[System]:
    """Return several structures as systems; `values` is a list, a generator or a data set of them.

    Raises `InputError` for a single structure, and for anything that `system_of` refuses.
    """
    if is_structure(values) or not isinstance(values, Iterable):
        raise InputError(f"systems: {shorten(values)} is no list of structures; pass [structure]", argument="systems")
    return [system_of(value, f"system {k}") for k, value in enumerate(values)]


def structure_of(coordinates: Any, types: Any, cell: Any, fparam: Any = None, aparam: Any = None) -> System:
    """Return the system of the arguments of `Model.evaluate`, the first of which may be a whole structure."""
    if not is_structure(coordinates):
        if types is None:
            raise InputError("types: are missing; pass an index into the model's type_map or a name for each atom",
                             argument="types")  # fmt: skip
        return System(coordinates, types, cell, fparam, aparam)
    if types is not None or cell is not None:
        argument = "cell" if types is None else "types"
        raise InputError(f"{argument}: is given beside a structure that has its own", argument=argument)
    system = system_of(coordinates)
    given = {"frame_parameters": fparam, "atom_parameters": aparam}
    return replace(system, **{name: value for name, value in given.items() if value is not None})
