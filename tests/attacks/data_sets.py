"""Hostile data sets: arrays that lie about their shapes, pipes, and HDF5 files of data."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np

from . import hdf5

FRAMES, ATOMS = 5, 3


def genuine() -> dict[str, bytes]:
    """A data set of a few frames, by its paths."""
    zeros = np.zeros((FRAMES, 3 * ATOMS))
    return {"type.raw": b"0 1 1", "type_map.raw": b"O H", "nopbc": b"", "set.000/coord.npy": array(zeros)}


def array(values: np.ndarray, **header) -> bytes:
    """A `.npy` file, in whose header some words are others."""
    buffer = io.BytesIO()
    np.save(buffer, values)
    data = buffer.getvalue()
    for old, new in header.items():
        data = data.replace(old.encode(), new)
    return data


def with_header(text: str, numbers: bytes = bytes(8)) -> bytes:
    """A `.npy` file with another description."""
    words = text.encode().ljust(118 - len(text) % 64 + 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(words).to_bytes(2, "little") + words + numbers


def headers() -> Iterator[tuple[str, bytes]]:
    """Descriptions of arrays that are not there."""
    for what, shape in {
        "huge": "(1000000000000, 9)", "overflows": "(4294967296, 4294967296, 9)", "negative": "(-1, 9)",
        "of-words": "('a', 9)", "of-many": f"({'1, ' * 100})", "infinite": "(1e400,)",
        "of-nothing": "(10000000000000, 0)",
    }.items():  # fmt: skip
        yield f"shape-{what}", with_header(f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}")
    for what, kind in {
        "objects": "'|O'",
        "records": "[('a', '<f8'), ('b', '|O')]",
        "code": "__import__('os').system('id')",
    }.items():
        yield (
            f"numbers-{what}",
            with_header(f"{{'descr': {kind}, 'fortran_order': False, 'shape': (5, 9)}}", b"cos\nsystem\n."),
        )
    yield "header-deep", with_header("[" * 9000)
    yield "header-long", b"\x93NUMPY\x02\x00" + (2**32 - 1).to_bytes(4, "little")
    yield "cut", array(np.zeros((FRAMES, 9)))[:-1]
    yield "pickle", b"\x80\x04cposix\nsystem\nX\x02\x00\x00\x00id\x85R."
    yield "archive", b"PK\x03\x04" + bytes(100)


def folders() -> Iterator[tuple[str, dict[str, bytes | Callable]]]:
    """Data sets by their files, of which a function makes something else than a file."""
    for what, data in headers():
        yield what, genuine() | {"set.000/coord.npy": data}
    yield (
        "types-huge",
        {name: data for name, data in genuine().items() if name != "type_map.raw"} | {"type.raw": b"0 1 1000000000000"},
    )
    yield "types-not-utf8", genuine() | {"type.raw": b"\xff"}
    yield "types-long", genuine() | {"type.raw": b"9" * 100_000}
    for name in ("type.raw", "type_map.raw", "set.000/coord.npy"):
        yield f"pipe-{name.rpartition('/')[2]}", genuine() | {name: os.mkfifo}
    yield "types-sparse", genuine() | {"type.raw": lambda path: sparse(path)}
    yield "raw-pipe", raw() | {"coord.raw": os.mkfifo}
    yield "raw-of-words", raw() | {"coord.raw": b"a b c\n"}


def raw() -> dict[str, bytes]:
    """The files of a data set in texts, without coordinates."""
    return {name: data for name, data in genuine().items() if not name.startswith("set")}


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(64 * 2**30)


def in_hdf5(change: Callable[[h5py.Group], None]) -> bytes:
    """A data set in one HDF5 file, after a change to it."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["type.raw"] = np.array([0, 1, 1])
        file["type_map.raw"] = np.array(["O", "H"], dtype=h5py.string_dtype())
        file["nopbc"] = True
        file["set.000/coord.npy"] = np.zeros((FRAMES, 3 * ATOMS))
        change(file)
    return buffer.getvalue()


def replaced(place: str, make: Callable) -> Callable[[h5py.Group], None]:
    """Put another dataset in the place of one."""

    def change(file):
        del file[place]
        make(file, place, Path("nowhere"))

    return change


def without_end(file, name: str, folder: Path):
    dataset = file.create_dataset(name, shape=(100_000,), dtype="f8", chunks=(1,), compression="gzip")
    dataset[:20_000] = 1.0


def files() -> Iterator[tuple[str, bytes]]:
    """HDF5 files."""
    for what, make in {**hdf5.DATASETS, "without-end": without_end}.items():
        yield f"{what}.hdf5", in_hdf5(replaced("set.000/coord.npy", make))
        yield f"types-{what}.hdf5", in_hdf5(replaced("type.raw", make))

    def long_names(file, texts):
        file["type.raw"], file["nopbc"], file["set.000/coord.npy"] = np.zeros(3, int), True, np.zeros((FRAMES, 9))
        file["type_map.raw"] = texts

    yield "texts-at-one-place.hdf5", hdf5.texts_at_one_place(3000, 1_000_003, long_names)


def build(folder: Path) -> list[str]:
    """Write all; their names. Those that begin with `genuine` are not hostile."""
    found = {name: content for name, content in files()}
    for name, content in (found | {"genuine.hdf5": in_hdf5(lambda file: None)}).items():
        (folder / name).write_bytes(content)
    for name, parts in (*folders(), ("genuine", genuine()), ("genuine-raw", raw() | {"coord.raw": b"0 " * 3 * ATOMS})):
        for inside, content in parts.items():
            path = folder / name / inside
            path.parent.mkdir(parents=True, exist_ok=True)
            content(path) if callable(content) else path.write_bytes(content)
        found[name] = b""
    return sorted(name for name in found if not name.startswith("genuine"))
