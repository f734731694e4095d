"""Data sets on disk: directories of NumPy files with structures, energies, forces and virials.

All frames of a directory have the same number of atoms. In the standard layout they also have the same types; in the
mixed layout each frame has its own types, and virtual atoms (type -1) fill it up to that number.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NoReturn, overload

import numpy as np

from ..errors import DPA2Error, FormatError, require_regular
from ..nn.arrays import Float, Int
from .hdf5 import Node
from .places import Place, place_of, refuse_lmdb
from .raw import RawFile, RawSet
from .system import ABSENT, System, index_table, listed, ordered_names

# Numbers in a frame of each file: a fixed count, and a count for each atom.
WIDTHS = {
    "coord": (0, 3),
    "box": (9, 0),
    "real_atom_types": (0, 1),
    "energy": (1, 0),
    "force": (0, 3),
    "virial": (9, 0),
    "atom_ener": (0, 1),
    "atom_pref": (0, 1),
    "atom_ener_coeff": (0, 1),
}
MULTIPLES = {"fparam": (1, 0), "aparam": (0, 1), "drdq": (0, 3)}  # the same of files with any multiple of that
MOST_TYPES = 100_000  # that a data set may have


@dataclass(frozen=True, eq=False, repr=False)
class Frame:
    """One structure with its labels; a label that the data do not have is None.

    Attributes
    ----------
    system
        The atoms; coordinates and cell in Å.
    energy
        Total energy, eV.
    forces
        Forces (N, 3), eV/Å.
    virial
        Virial (3, 3), eV: minus the derivative of the energy with respect to strain.
    atom_energy
        Atomic energies (N,), eV.
    atom_pref
        Weights (N,) of the atoms' forces in training.
    name
        File and number of the frame, for error messages.
    labels
        All labels by the names of their files, such as "dipole", as rows of numbers in the data's own units.
    energy_coefficients
        Coefficients (N,) of the atomic energies in the energy.
    generalized
        Derivatives (N, 3, n) of the positions by n generalised coordinates.
    source
        The data folder or the file that the frame comes from.
    """

    system: System
    energy: float | None
    forces: Float[np.ndarray, "atom 3"] | None
    virial: Float[np.ndarray, "3 3"] | None
    atom_energy: Float[np.ndarray, "atom"] | None
    atom_pref: Float[np.ndarray, "atom"] | None
    name: str
    labels: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    energy_coefficients: Float[np.ndarray, "atom"] | None = None
    generalized: Float[np.ndarray, "atom 3 coordinate"] | None = None
    source: str = ""

    def __repr__(self) -> str:
        """The structure and which labels there are, not arrays."""
        labels = ("energy", "forces", "virial", "atom_energy", "atom_pref", "energy_coefficients", "generalized")
        known = [label for label in labels if getattr(self, label) is not None]
        return f"Frame({self.system!r}, with {listed(known) or 'no labels'})"


def refuse(file: Place | RawFile, what: str) -> NoReturn:
    """Raise a `FormatError` that names the file."""
    raise FormatError(f"{file}: {what}", file=str(file))


def read_dataset(
    path: str | Path | Iterable[str | Path],
    type_map: Sequence[str] | None = None,
    rename: Mapping[str, str] | None = None,
) -> Dataset:
    """Return all frames below one or several directories; a frame is read from disk when it is asked for.

    Frames carry the names of their types, by which every model finds its own indices for them.

    Parameters
    ----------
    path
        A directory or several, searched recursively for directories with a file `type.raw`: with arrays in directories
        `set.*`, or with text files (`coord.raw`, ...). Also an HDF5 file of the same layout, or one group of it,
        `FILE.hdf5#GROUP`.
    type_map
        Names of the types, to which the type indices of all frames are translated; None for the names in the data, in
        order of appearance.
    rename
        Names to use in place of some names in the data, as in {"OW": "O"}.

    Raises
    ------
    FormatError
        A file is missing, is not an array of numbers, or does not fit the others (facts: file).
    UnsupportedModel
        An LMDB data set, which dpdata can convert (facts: file, hint).

    Notes
    -----
    Source: DeePMD data in the standard and the mixed layout.

    Examples
    --------
    >>> import tempfile
    >>> files = {"type.raw": "0 1 1", "type_map.raw": "O H", "nopbc": ""}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = [Path(folder, name).write_text(text) for name, text in files.items()]
    ...     Path(folder, "set.000").mkdir()
    ...     np.save(Path(folder, "set.000", "coord.npy"), np.zeros((5, 9)))
    ...     data = read_dataset(folder)
    ...     print(len(data), data.type_map, data[-1].system.types)
    5 ('O', 'H') [0 1 1]
    """
    paths = [path] if isinstance(path, (str, Path)) else list(path)
    places = [place for top in paths for place in directories(place_of(top))]
    names = [type_names(place, rename or {}) for place in places]
    if type_map is None:
        type_map = merged(places, names)
    type_map = ordered_names(type_map, "type_map")
    return of_sets([s for place, own in zip(places, names, strict=True) for s in frame_sets(place, own, type_map)])


def read_directory(place: Place, type_map: Sequence[str]) -> Dataset:
    """Return the frames of one directory that has a file `type.raw`, without what lies below it."""
    return of_sets(frame_sets(place, type_names(place, {}), tuple(type_map)))


def of_sets(sets: Sequence[FrameSet]) -> Dataset:
    """Return all frames of some sets as a data set."""
    return Dataset(tuple(sets), sets[0].type_map, np.arange(sum(s.frames for s in sets)))


def directories(top: Place) -> list[Place]:
    """Directories, or groups of an HDF5 file, at or below `top` that have a file `type.raw`, sorted."""
    found = sorted(file.parent for file in top.rglob("type.raw"))
    if not found:
        for file in top.rglob("data.mdb"):
            refuse_lmdb(file.parent)
        refuse(top, "no type.raw at or below this directory; it is not a DeePMD data folder")
    return found


def type_names(place: Place, rename: Mapping[str, str]) -> tuple[str, ...] | None:
    """Names of the type indices of a directory, from its type_map.raw, some renamed; None without that file."""
    file = place / "type_map.raw"
    if not file.exists():
        return None
    names = tuple(words(file))
    if len(set(names)) < len(names):
        refuse(file, "names a type twice")
    return tuple(rename.get(name, name) for name in names)


def words(file: Place) -> list[str]:
    """Words of a text file."""
    if isinstance(file, Path):
        require_regular(file)
    try:
        return file.read_text(encoding="utf-8").split()
    except FormatError:
        raise
    except (OSError, ValueError) as error:
        refuse(file, f"cannot be read as text ({error})")
    except MemoryError:
        refuse(file, "takes more memory to read than this machine has")


def merged(places: list[Place], names: list[tuple[str, ...] | None]) -> tuple[str, ...]:
    """Names of all directories in order of appearance; empty if none has a type_map.raw."""
    nameless = [place for place, own in zip(places, names, strict=True) if own is None]
    if nameless and len(nameless) < len(places):
        refuse(
            nameless[0] / "type_map.raw", "is missing here but not everywhere; give the names of the types as type_map"
        )
    return tuple(dict.fromkeys(name for own in names for name in own or ()))


def frame_sets(place: Place, names: tuple[str, ...] | None, type_map: tuple[str, ...]) -> list[FrameSet]:
    """Sets of one directory, in the order of their names."""
    table = type_table(place, names, type_map)
    types = read_types(place / "type.raw")
    folders: list[Place | RawSet] = sorted(folder for folder in place.glob("set.*") if folder.is_dir())
    if not folders and isinstance(place, Path) and (place / "coord.raw").exists():
        folders = [RawSet(place)]
    if not folders:
        refuse(place, "no directory set.* here, and no coord.raw")
    free = (place / "nopbc").exists()
    return [frame_set(folder, types, names, table, free, type_map) for folder in folders]


def read_types(file: Place) -> Int[np.ndarray, "atom"]:
    """Type indices in a file `type.raw`."""
    text = words(file)
    try:
        types = np.array([int(word) for word in text], dtype=np.int64)
    except (ValueError, OverflowError) as error:
        refuse(file, f"must hold integers ({error})")
    if len(types) == 0:
        refuse(file, "names no atom")
    if types.max() >= MOST_TYPES:
        refuse(file, f"holds type {types.max()}; a model has fewer than {MOST_TYPES} types")
    return types


def type_table(place: Place, names, type_map: tuple[str, ...]) -> Int[np.ndarray, "type"]:
    """Index in `type_map` of each type index of a directory."""
    if names is None:  # type indices of the directory are taken as indices of the type map
        count = len(type_map) or 1 + max(0, read_types(place / "type.raw").max())
        return np.arange(count)
    return index_table(names, type_map)


def translated(types: Int[np.ndarray, "atom"], table, names, file: Place | RawFile) -> Int[np.ndarray, "atom"]:
    """Return type indices of a file as indices of the type map; virtual atoms stay -1."""
    bad = types[(types < -1) | (types >= len(table))]
    if len(bad):
        refuse(file, f"holds type {bad[0]}; types must lie in -1 ... {len(table) - 1}")
    result = np.append(table, -1)[types]
    if (result == ABSENT).any():
        name = names[types[result == ABSENT][0]]
        refuse(file, f"holds atoms of type {name!r}, which the type map does not name")
    return result


@dataclass(frozen=True, eq=False, repr=False)
class FrameSet:
    """One directory `set.*` of frames with `atoms` atoms each.

    types: of all frames; None if each frame has its own. names, table: of the directory's own type indices, and their
    indices in `type_map`, which is empty if nothing names the types.
    """

    folder: Place | RawSet
    frames: int
    atoms: int
    files: frozenset[str]
    types: np.ndarray | None
    names: tuple[str, ...] | None
    table: np.ndarray
    periodic: bool
    type_map: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"FrameSet({self.folder}: {self.frames} frames of {self.atoms} atoms)"

    @property
    def source(self) -> str:
        """The data folder that the set belongs to; the file itself for a set at the top of an HDF5 file."""
        return str(self.folder.parent).removesuffix("#/")

    def rows(self, name: str) -> np.ndarray:
        """Array (frames, numbers) of one file, mapped into memory and not yet read."""
        return opened(self.folder / f"{name}.npy").reshape(self.frames, -1)

    def row(self, name: str, k: int, shape) -> np.ndarray | None:
        """Return frame k of one file as float64 of the given shape; None if there is no such file."""
        return np.array(self.rows(name)[k], dtype=np.float64).reshape(shape) if name in self.files else None

    def frame_types(self, k: int) -> Int[np.ndarray, "atom"]:
        """Type indices of frame k."""
        if self.types is not None:
            return self.types
        own = np.array(self.rows("real_atom_types")[k], dtype=np.int64)
        return translated(own, self.table, self.names, self.folder / "real_atom_types.npy")

    def frame(self, k: int) -> Frame:
        """Read frame k."""
        name = f"{self.folder} frame {k}"
        system = System(
            coordinates=self.row("coord", k, (self.atoms, 3)),
            types=self.frame_types(k),
            cell=self.row("box", k, (3, 3)) if self.periodic else None,
            frame_parameters=self.row("fparam", k, -1),
            atom_parameters=self.row("aparam", k, (self.atoms, -1)),
            name=name,
            type_map=self.type_map or None,
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
            labels=StoredLabels(self.folder, self.frames, k),
            energy_coefficients=self.row("atom_ener_coeff", k, self.atoms),
            generalized=self.row("drdq", k, (self.atoms, 3, -1)),
            source=self.source,
        )


NO_LABELS = ("coord", "box", "real_atom_types", "fparam", "aparam")  # files of a set that are no labels


@dataclass(frozen=True, eq=False, repr=False)
class StoredLabels(Mapping[str, np.ndarray]):
    """All labels of frame k by the names of their files, each read when it is asked for."""

    folder: Place | RawSet
    frames: int
    k: int

    def __getitem__(self, name: str) -> np.ndarray:
        file = self.folder / f"{name}.npy"
        if all(name != known for known in self):
            raise KeyError(name)
        array = opened(file)
        if len(array.reshape(1, -1) if array.ndim < 2 and self.frames == 1 else array) != self.frames:
            refuse(file, f"has shape {array.shape}, which does not fit {self.frames} frames")
        numbers = np.array(array.reshape(self.frames, -1)[self.k], dtype=np.float64)
        if not np.isfinite(numbers).all():
            refuse(file, f"frame {self.k} holds a number that is not finite")
        return numbers

    def __iter__(self) -> Iterator[str]:
        return (name for name in stems(self.folder) if name not in NO_LABELS)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def stems(folder: Place | RawSet) -> list[str]:
    """Names of the arrays in a set, sorted."""
    if isinstance(folder, RawSet):
        return sorted(file.stem for file in folder.folder.glob("*.raw") if file.stem not in ("type", "type_map"))
    names = (str(file).rpartition("/")[2] for file in folder.glob("*"))
    return sorted(name.removesuffix(".npy") for name in names if name.endswith(".npy"))


def opened(file: Place | RawFile) -> np.ndarray:
    """Map a `.npy` file of numbers into memory, or read what stands for it; no code in a file is ever run."""
    if isinstance(file, Path):
        require_regular(file)
    try:
        array = file.array() if isinstance(file, (Node, RawFile)) else np.load(file, mmap_mode="r", allow_pickle=False)
    except DPA2Error:
        raise
    except Exception as error:  # a damaged file makes the reader raise nearly anything
        refuse(file, f"cannot be read as an array ({error})")
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "iuf":
        refuse(file, "must hold an array of numbers")
    return array


def frame_set(folder: Place | RawSet, types, names, table, free: bool, type_map: tuple[str, ...]) -> FrameSet:
    """Check that a set has all files that it needs, of the right sizes, and return it."""
    known = (*WIDTHS, *MULTIPLES)
    files = frozenset(name for name in known if (folder / f"{name}.npy").exists())
    mixed = "real_atom_types" in files
    if "coord" not in files:
        refuse(folder / "coord.npy", "is missing")
    if not free and "box" not in files:
        refuse(folder / "box.npy", "is missing; for structures without a cell, add an empty file nopbc beside type.raw")
    if mixed and names is None:
        refuse(folder.parent / "type_map.raw", "is missing; real_atom_types.npy needs it")
    coordinates = opened(folder / "coord.npy")
    frames = len(coordinates) if coordinates.ndim > 1 else 1
    for name in sorted(files):
        check_size(folder / f"{name}.npy", frames, len(types))
    own = None if mixed else translated(types, table, names, folder.parent / "type.raw")
    return FrameSet(folder, frames, len(types), files, own, names, table, not free, type_map)


def check_size(file: Place | RawFile, frames: int, atoms: int):
    """Raise a `FormatError` for a file whose size does not fit the numbers of frames and atoms."""
    array = opened(file)
    if file.stem in WIDTHS:
        fixed, per_atom = WIDTHS[file.stem]
        fits = array.size == frames * (fixed + per_atom * atoms)
    else:
        fixed, per_atom = MULTIPLES[file.stem]
        fits = array.size % max(1, frames * (fixed + per_atom * atoms)) == 0
    if not fits:
        refuse(file, f"has shape {array.shape}, which does not fit {frames} frames of {atoms} atoms")
    if file.stem == "real_atom_types" and array.dtype.kind == "f":
        refuse(file, f"holds {array.dtype}; must hold integers")


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A sequence of frames, each of which is read from disk when it is asked for.

    `data[3]` is a `Frame`; `data[10:20]`, `data.subset([5, 1, 7])` and each of `data.systems` are data sets.

    Attributes
    ----------
    sets
        The directories `set.*` that hold the frames.
    type_map
        Names of the types, in the order of their indices.
    rows
        Numbers of the frames of this data set, counted over all `sets` one after another.
    """

    sets: tuple[FrameSet, ...]
    type_map: tuple[str, ...]
    rows: Int[np.ndarray, "frame"]

    def __repr__(self) -> str:
        """Frames, atoms, types and what is known of them, not arrays."""
        atoms = sorted({s.atoms for s in self.sets})
        each = " to ".join(map(str, dict.fromkeys((atoms[0], atoms[-1])))) if atoms else "0"
        known = listed(sorted(set[str]().union(*(s.files for s in self.sets))))
        return f"Dataset({len(self)} frames of {each} atoms; types {listed(self.type_map)}; {known})"

    @cached_property
    def ends(self) -> Int[np.ndarray, "set"]:
        """Number of frames up to the end of each set."""
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

    def subset(self, indices: slice | Sequence[int] | np.ndarray) -> Dataset:
        """Return the data set of the frames at a slice, a list of positions or a mask."""
        return dataclasses.replace(self, rows=self.rows[indices])

    @property
    def systems(self) -> list[Dataset]:
        """One data set for each directory, in the order of the directories' first frames."""
        places = [s.folder.parent for s in self.sets]
        place = np.array([places.index(p) for p in places], dtype=np.int64)
        mine = place[np.searchsorted(self.ends, self.rows, side="right")]
        return [self.subset(mine == p) for p in dict.fromkeys(mine.tolist())]


def require_frames(data: Dataset) -> None:
    """Raise a `FormatError` for a data folder of which no set has a frame (facts: file)."""
    for place in dict.fromkeys(s.source for s in data.sets):
        if not any(s.frames for s in data.sets if s.source == place):
            raise FormatError(f"{place}: holds no frames", file=place)
