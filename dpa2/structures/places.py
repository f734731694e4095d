"""The place of a data set: a directory, or a group in an HDF5 file; and the kinds of data sets that are not read."""

from __future__ import annotations

from pathlib import Path

from ..errors import UnsupportedModel
from .hdf5 import Node

Place = Path | Node
SUFFIXES = (".hdf5", ".h5")


def place_of(path: str | Path) -> Place:
    """The place that a name means: a directory, `FILE.hdf5`, or `FILE.hdf5#GROUP`."""
    file, _, group = str(path).partition("#")
    if not Path(path).is_dir() and Path(file).suffix in SUFFIXES and Path(file).is_file():
        return Node(Path(file), group.strip("/"))
    if Path(path).suffix == ".lmdb" or any((Path(path) / name).exists() for name in ("data.mdb", "lock.mdb")):
        refuse_lmdb(Path(path))
    return Path(path)


def is_data_set(path: str | Path) -> bool:
    """Return whether a name means a data set, and not a file with structures."""
    return Path(path).is_dir() or Path(path).suffix == ".lmdb" or isinstance(place_of(path), Node)


def refuse_lmdb(path: Place):
    """Refuse an LMDB data set, and say how to make one that is read."""
    way = f"dpdata.MultiSystems.from_file({str(path)!r}, fmt='lmdb').to('deepmd/npy', 'FOLDER')"
    found = f"{path}: is an LMDB data set, which is not read; dpdata makes a folder of it: {way}"
    raise UnsupportedModel(found, file=str(path), what="an LMDB data set", hint=way)
