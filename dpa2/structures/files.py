"""Structures on disk: DeePMD data folders, and files that ASE reads if ASE is installed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..errors import InputError, require, require_regular, shorten
from .datasets import Frame, read_dataset
from .places import is_data_set
from .system import System


def read_structures(
    paths: Sequence[str], type_map: Sequence[str], rename: Mapping[str, str] | None = None
) -> list[Frame]:
    """Return all frames of data folders and structure files, in order.

    rename: names of `type_map` for names in the files that are others, as `renaming` makes them.

    Raises
    ------
    InputError
        There is no such file or folder, or ASE cannot read the file (facts: argument).
    FormatError
        A data folder is damaged (facts: file).
    MissingDependency
        A file needs ASE, and it is not installed (facts: package, install).
    """
    frames: list[Frame] = []
    for path in paths:
        if is_data_set(path):
            frames.extend(read_dataset(path, type_map, rename))
        elif os.path.exists(path):
            require_regular(path)
            frames.extend(read_with_ase(path, rename or {}))
        else:
            raise InputError(f"{path}: there is no such file or folder", argument=path)
    return frames


def sources(frames: Iterable[Frame]) -> list[str]:
    """Return the data folders and files that frames come from, in order, by the names that the frames have.

    >>> sources(Frame(System([], []), *[None] * 5, name=n) for n in ("water/set.0 frame 0", "a.xyz#0", "a.xyz#1"))
    ['water', 'a.xyz']
    """
    return list(dict.fromkeys(re.sub(r"(/set\.[^/]*)? frame \d+$|#\d+$", "", frame.name) for frame in frames))


def read_with_ase(path: str, rename: Mapping[str, str]) -> list[Frame]:
    """Return the frames of a file that ASE reads, with their energies and forces if the file has them."""
    io = require("ase.io", "ase")
    try:
        images = io.read(path, index=":")
    except Exception as error:  # readers of ASE raise errors of any class
        raise InputError(f"{path}: ASE cannot read this file ({error})", argument=path) from error
    if not images:
        raise InputError(f"{path}: ASE finds no structures in this file", argument=path)
    return [frame(image, f"{path}#{k}", rename) for k, image in enumerate(images)]


def frame(atoms, name: str, rename: Mapping[str, str]) -> Frame:
    """Return an ASE structure as a frame; its virial is that of its stress, or `atoms.info["virial"]`."""
    system = System.from_ase(atoms, name=name)
    system = replace(system, types=[rename.get(t, t) for t in system.types])
    known = getattr(atoms.calc, "results", {})
    energy, forces = label(known, "energy", (), name), label(known, "forces", (len(atoms), 3), name)
    given = None if energy is None else float(energy)
    return Frame(system, given, forces, virial(atoms, known, name), None, None, name, other_labels(atoms, known))


def other_labels(atoms, known: dict) -> dict[str, np.ndarray]:
    """Return the dipole that ASE has for a structure, and all numbers in `atoms.info` by their names."""
    given = atoms.info | ({"dipole": known["dipole"]} if known.get("dipole") is not None else {})
    arrays = {str(key): np.asarray(value) for key, value in given.items()}
    return {key: np.array(a, dtype=np.float64).reshape(-1) for key, a in arrays.items() if a.dtype.kind in "iuf"}


def virial(atoms, known: dict, name: str) -> np.ndarray | None:
    """Return the virial (3, 3) of an ASE structure, eV; None if nothing says it."""
    if known.get("stress") is None or not atoms.pbc.all():
        return label(atoms.info, "virial", (3, 3), name)
    stress = np.asarray(known["stress"])
    full = label(
        {"stress": stress[[0, 5, 4, 5, 1, 3, 4, 3, 2]] if stress.shape == (6,) else stress}, "stress", (3, 3), name
    )
    return None if full is None else -abs(np.linalg.det(np.asarray(atoms.cell))) * full


def label(known: dict, key: str, shape: tuple[int, ...], name: str) -> np.ndarray | None:
    """Return a label of a structure as numbers of a shape; None if there is none."""
    if known.get(key) is None:
        return None
    try:
        return np.asarray(known[key], dtype=np.float64).reshape(shape)
    except (ValueError, TypeError) as error:
        raise InputError(f"{name}: {key} = {shorten(known[key])}: must be numbers", argument=name) from error
