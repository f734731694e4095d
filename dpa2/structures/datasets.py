"""Reference data on disk: directories of NumPy files with structures, energies, forces and virials.

One directory holds frames with one number of atoms. In the standard layout all frames have the same types; in the
mixed layout each frame has its own, and may hold virtual atoms (type -1) to fill up the number.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NoReturn, overload

import numpy as np

from ..errors import FormatError
from ..nn.arrays import Float, Int
from .system import System

# Numbers per frame: so many, and so many more per atom.
WIDTHS = {
    "coord": (0, 3),
    "box": (9, 0),
    "real_atom_types": (0, 1),
    "energy": (1, 0),
    "force": (0, 3),
    "virial": (9, 0),
    "atom_ener": (0, 1),
    "atom_pref": (0, 1),
}
ABSENT = -2  # a type that the type map does not name


@dataclass(frozen=True, eq=False)
class Frame:
    """One structure and what is known about it; None for what is not.

    energy: eV. forces: (N, 3), eV/Å. virial: (3, 3), eV, minus the strain derivative of the energy.
    atom_energy: (N,), eV. atom_pref: (N,), weights of the atoms' forces. name: where it comes from.
    """

    system: System
    energy: float | None
    forces: Float[np.ndarray, "atom 3"] | None
    virial: Float[np.ndarray, "3 3"] | None
    atom_energy: Float[np.ndarray, "atom"] | None
    atom_pref: Float[np.ndarray, "atom"] | None
    name: str


def refuse(file: Path, what: str) -> NoReturn:
    raise FormatError(f"{file}: {what}", file=str(file))


def read_dataset(path, type_map=None) -> Dataset:
    """The frames below a directory, or below each of several, read from disk only when asked for.

    path: searched recursively for directories with a `type.raw`. type_map: names of the types whose indices the frames
    shall have; without it, those that the data name, in order of appearance.

    Raises `FormatError` naming the file that is missing, is no array of numbers, or does not fit to the others.

    Source: sections 12.1 and 12.2 of the description of formats.
    """
    paths = [path] if isinstance(path, (str, Path)) else list(path)
    places = [place for top in paths for place in directories(Path(top))]
    names = [type_names(place) for place in places]
    if type_map is None:
        type_map = merged(places, names)
    type_map = tuple(type_map)
    sets = [s for place, own in zip(places, names, strict=True) for s in frame_sets(place, own, type_map)]
    return Dataset(tuple(sets), type_map, np.arange(sum(s.frames for s in sets)))


def directories(top: Path) -> list[Path]:
    """Those at or below `top` that hold a system, sorted."""
    found = sorted(file.parent for file in top.rglob("type.raw"))
    if not found:
        refuse(top, "no type.raw at or below this directory")
    return found


def type_names(place: Path) -> tuple[str, ...] | None:
    """The names that a system's own type indices stand for."""
    file = place / "type_map.raw"
    if not file.exists():
        return None
    names = tuple(words(file))
    if len(set(names)) < len(names):
        refuse(file, "names a type twice")
    return names


def words(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").split()
    except (OSError, ValueError) as error:
        refuse(file, f"cannot be read as text ({error})")


def merged(places: list[Path], names: list[tuple[str, ...] | None]) -> tuple[str, ...]:
    """All names in order of appearance; empty if no system names its types."""
    nameless = [place for place, own in zip(places, names, strict=True) if own is None]
    if nameless and len(nameless) < len(places):
        refuse(nameless[0] / "type_map.raw", "is missing here but not everywhere; say what the types are: type_map=")
    return tuple(dict.fromkeys(name for own in names for name in own or ()))


def frame_sets(place: Path, names: tuple[str, ...] | None, type_map: tuple[str, ...]) -> list[FrameSet]:
    """The parts of one system, in the order of their names."""
    table = type_table(place, names, type_map)
    types = read_types(place / "type.raw")
    folders = sorted(folder for folder in place.glob("set.*") if folder.is_dir())
    if not folders:
        refuse(place, "no directory set.* here")
    return [frame_set(folder, types, names, table, (place / "nopbc").exists()) for folder in folders]


def read_types(file: Path) -> Int[np.ndarray, "atom"]:
    text = words(file)
    try:
        types = np.array([int(word) for word in text], dtype=np.int64)
    except (ValueError, OverflowError) as error:
        refuse(file, f"integers are wanted ({error})")
    if len(types) == 0:
        refuse(file, "names no atom")
    return types


def type_table(place: Path, names, type_map: tuple[str, ...]) -> Int[np.ndarray, "type"]:
    """The index in `type_map` of each of the system's own indices."""
    if names is None:  # the indices are meant as those of the type map; without one, whatever they are
        count = len(type_map) or 1 + max(0, read_types(place / "type.raw").max())
        return np.arange(count)
    return np.array([type_map.index(name) if name in type_map else ABSENT for name in names], dtype=np.int64)


def translated(types: Int[np.ndarray, "atom"], table, names, file: Path) -> Int[np.ndarray, "atom"]:
    """Type indices of a file as indices of the type map; virtual atoms stay -1."""
    bad = types[(types < -1) | (types >= len(table))]
    if len(bad):
        refuse(file, f"holds type {bad[0]}; -1 ... {len(table) - 1} are possible")
    result = np.append(table, -1)[types]
    if (result == ABSENT).any():
        name = names[types[result == ABSENT][0]]
        refuse(file, f"holds atoms of type {name!r}, which the type map does not name")
    return result


@dataclass(frozen=True, eq=False)
class FrameSet:
    """One directory `set.*`: a number of frames of `atoms` atoms. `types` is None if each frame has its own."""

    folder: Path
    frames: int
    atoms: int
    files: frozenset[str]
    types: np.ndarray | None
    names: tuple[str, ...] | None
    table: np.ndarray
    periodic: bool

    def rows(self, name: str) -> np.ndarray:
        """One of its files as (frames, numbers), not yet read."""
        return opened(self.folder / f"{name}.npy").reshape(self.frames, -1)

    def row(self, name: str, k: int, shape) -> np.ndarray | None:
        """Frame k of one of its files as float64 of the given shape, or None without the file."""
        return np.array(self.rows(name)[k], dtype=np.float64).reshape(shape) if name in self.files else None

    def frame_types(self, k: int) -> Int[np.ndarray, "atom"]:
        if self.types is not None:
            return self.types
        own = np.array(self.rows("real_atom_types")[k], dtype=np.int64)
        return translated(own, self.table, self.names, self.folder / "real_atom_types.npy")

    def frame(self, k: int) -> Frame:
        name = f"{self.folder} frame {k}"
        system = System(
            coordinates=self.row("coord", k, (self.atoms, 3)),
            types=self.frame_types(k),
            cell=self.row("box", k, (3, 3)) if self.periodic else None,
            frame_parameters=self.row("fparam", k, -1),
            atom_parameters=self.row("aparam", k, (self.atoms, -1)),
            name=name,
        )
        energy = self.row("energy", k, ())
        return Frame(
            system=system,
            energy=None if energy is None else float(energy),
            forces=self.row("force", k, (self.atoms, 3)),
            virial=self.row("virial", k, (3, 3)),
            atom_energy=self.row("atom_ener", k, self.atoms),
            atom_pref=self.row("atom_pref", k, self.atoms),
            name=name,
        )


def opened(file: Path) -> np.ndarray:
    """A `.npy` file, mapped into memory; never anything that runs code on loading."""
    try:
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # a damaged file makes the reader raise nearly anything
        refuse(file, f"cannot be read as an array ({error})")
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "iuf":
        refuse(file, "an array of numbers is wanted")
    return array


def frame_set(folder: Path, types, names, table, free: bool) -> FrameSet:
    """One checked set: every file is there that must be, and holds the numbers that it must hold."""
    known = (*WIDTHS, "fparam", "aparam")
    files = frozenset(name for name in known if (folder / f"{name}.npy").exists())
    mixed = "real_atom_types" in files
    if "coord" not in files:
        refuse(folder / "coord.npy", "is missing")
    if not free and "box" not in files:
        refuse(folder / "box.npy", "is missing, and there is no file nopbc that says that there is no cell")
    if mixed and names is None:
        refuse(folder.parent / "type_map.raw", "is missing; real_atom_types.npy needs it")
    coordinates = opened(folder / "coord.npy")
    frames = len(coordinates) if coordinates.ndim > 1 else 1
    for name in sorted(files):
        check_size(folder / f"{name}.npy", frames, len(types))
    own = None if mixed else translated(types, table, names, folder.parent / "type.raw")
    return FrameSet(folder, frames, len(types), files, own, names, table, not free)


def check_size(file: Path, frames: int, atoms: int):
    """Refuse a file that does not hold what so many frames of so many atoms need."""
    array = opened(file)
    if file.stem in WIDTHS:
        fixed, per_atom = WIDTHS[file.stem]
        fits = array.size == frames * (fixed + per_atom * atoms)
    else:
        fits = array.size % max(1, frames * (atoms if file.stem == "aparam" else 1)) == 0
    if not fits:
        refuse(file, f"has shape {array.shape}, which does not fit {frames} frames of {atoms} atoms")
    if file.stem == "real_atom_types" and array.dtype.kind == "f":
        refuse(file, f"holds {array.dtype}; integers are wanted")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Frames in order: a sequence that reads each one when it is asked for, and whose parts cost nothing.

    type_map: the names that type indices stand for. rows: which frames of `sets`, laid end to end, it has.

    `data[3]` is a `Frame`; `data[10:20]`, `data.subset([5, 1, 7])` and each of `data.systems` are data sets.
    """

    sets: tuple[FrameSet, ...]
    type_map: tuple[str, ...]
    rows: Int[np.ndarray, "frame"]

    @cached_property
    def ends(self) -> Int[np.ndarray, "set"]:
        return np.cumsum([s.frames for s in self.sets])

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, key: int) -> Frame: ...

    @overload
    def __getitem__(self, key: slice) -> Dataset: ...

    def __getitem__(self, key: int | slice) -> Frame | Dataset:
        if isinstance(key, slice):
            return self.subset(key)
        row = self.rows[key]
        k = int(np.searchsorted(self.ends, row, side="right"))
        return self.sets[k].frame(int(row - self.ends[k] + self.sets[k].frames))

    def __iter__(self) -> Iterator[Frame]:
        return (self[k] for k in range(len(self)))

    def subset(self, indices) -> Dataset:
        """The frames at a slice, a list of positions or a mask."""
        return dataclasses.replace(self, rows=self.rows[indices])

    @property
    def systems(self) -> list[Dataset]:
        """The frames of each directory, in the order of the directories' first frames."""
        places = [s.folder.parent for s in self.sets]
        place = np.array([places.index(p) for p in places], dtype=np.int64)
        mine = place[np.searchsorted(self.ends, self.rows, side="right")]
        return [self.subset(mine == p) for p in dict.fromkeys(mine.tolist())]
