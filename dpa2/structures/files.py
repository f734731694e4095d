"""Structures on disk: DeePMD data folders, and files that ASE reads if ASE is installed."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, chain
from typing import overload

import numpy as np

from ..errors import InputError, require, require_regular, shorten
from .datasets import Dataset, Frame, read_dataset, require_frames
from .places import is_data_set
from .system import System, listed


@dataclass(frozen=True, eq=False, repr=False)
class Structures(Sequence[Frame]):
    """Frames of data folders and files one after another; those of folders are read when they are asked for."""

    parts: tuple[Dataset | list[Frame], ...]

    def __repr__(self) -> str:
        return f"Structures({len(self)} frames of {listed(self.sources)})"

    @cached_property
    def ends(self) -> list[int]:
        """Number of frames up to the end of each part."""
        return list(accumulate(len(part) for part in self.parts))

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0

    @overload
    def __getitem__(self, key: int) -> Frame: ...

    @overload
    def __getitem__(self, key: slice) -> list[Frame]: ...

    def __getitem__(self, key: int | slice) -> Frame | list[Frame]:
        if isinstance(key, slice):
            return [self[k] for k in range(*key.indices(len(self)))]
        row = range(len(self))[key]
        number = bisect_right(self.ends, row)
        return self.parts[number][row - self.ends[number] + len(self.parts[number])]

    def __iter__(self) -> Iterator[Frame]:
        return chain.from_iterable(self.parts)

    @property
    def sources(self) -> list[str]:
        """The data folders and files that the frames come from, in order."""
        return list(dict.fromkeys(source for part in self.parts for source in sources_of(part)))


def sources_of(part: Dataset | list[Frame]) -> list[str]:
    """Return the folders of a data set, or the files of frames; nothing is read for that."""
    return [s.source for s in part.sets] if isinstance(part, Dataset) else [frame.source for frame in part]


def read_structures(
    paths: Sequence[str], type_map: Sequence[str], rename: Mapping[str, str] | None = None
) -> Structures:
    """Return all frames of data folders and structure files, in order.

    rename: names of `type_map` for names in the files that are others, as `renaming` makes them.

    Raises
    ------
    InputError
        There is no such file or folder, or ASE cannot read the file (facts: argument).
    FormatError
        A data folder is damaged, or has no frames (facts: file).
    MissingDependency
        A file needs ASE, and it is not installed (facts: package, install).
    """
    return Structures(tuple(read_path(path, type_map, rename or {}) for path in paths))


def read_path(path: str, type_map: Sequence[str], rename: Mapping[str, str]) -> Dataset | list[Frame]:
    """Return the frames of one data folder or structure file; errors are those of `read_structures`."""
    if is_data_set(path):
        data = read_dataset(path, type_map, rename)
        require_frames(data)
        return data
    if not os.path.exists(path):
        raise InputError(f"{path}: there is no such file or folder", argument=path)
    require_regular(path)
    return read_with_ase(path, rename)


def read_with_ase(path: str, rename: Mapping[str, str]) -> list[Frame]:
    """Return the frames of a file that ASE reads, with their energies and forces if the file has them."""
    io = require("ase.io", "ase")
    try:
        images = io.read(path, index=":")
    except Exception as error:  # readers of ASE raise errors of any class
        raise InputError(f"{path}: ASE cannot read this file ({error})", argument=path) from error
    if not images:
        raise InputError(f"{path}: ASE finds no structures in this file", argument=path)
    return [replace(frame(image, f"{path}#{k}", rename), source=path) for k, image in enumerate(images)]


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
