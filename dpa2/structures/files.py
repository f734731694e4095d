"""Structures on disk: data folders always, and whatever ASE reads where ASE is installed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError, require
from .datasets import Frame, read_dataset
from .system import System


def read_structures(paths: Sequence[str], type_map) -> list[Frame]:
    """All frames of data folders and structure files, in order.

    Raises `InputError` for a path that is not there, `MissingDependency` for a file where ASE is not installed,
    `FormatError` for what cannot be read.
    """
    frames: list[Frame] = []
    for path in paths:
        if not Path(path).exists():
            raise InputError(f"{path}: there is no such file or folder", argument=path)
        frames.extend(read_dataset(path, type_map) if Path(path).is_dir() else read_with_ase(path))
    return frames


def read_with_ase(path: str) -> list[Frame]:
    """The images of a file, with the energies and forces that it holds."""
    io = require("ase.io", "ase")
    try:
        images = io.read(path, index=":")
    except Exception as error:  # ASE's readers raise whatever they meet
        raise InputError(f"{path}: ASE cannot read this file ({error})", argument=path) from error
    return [frame(image, f"{path}#{k}") for k, image in enumerate(images)]


def frame(atoms, name: str) -> Frame:
    """An ASE structure as a frame; partly periodic ones are refused."""
    if atoms.pbc.any() and not atoms.pbc.all():
        raise InputError(f"{name}: periodic along some axes only; all three or none are possible", argument=name)
    cell = atoms.cell.array if atoms.pbc.all() else None
    system = System(atoms.positions, atoms.get_chemical_symbols(), cell, name=name)
    known = getattr(atoms.calc, "results", {})
    return Frame(system, known.get("energy"), known.get("forces"), None, None, None, name)
