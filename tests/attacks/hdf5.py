"""Hostile HDF5: what lies outside of the file, and what is not as large as it says."""

from __future__ import annotations

import io
import json
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import h5py
import numpy as np

HUGE = 32 * 2**20  # numbers, 256 MiB


def external_link(file, name: str, folder: Path):
    file[name] = h5py.ExternalLink(str(folder / "elsewhere.h5"), "/numbers")


def link_to_a_pipe(file, name: str, folder: Path):
    """Whoever opens it waits for ever."""
    file[name] = h5py.ExternalLink(str(folder / "pipe"), "/numbers")


def soft_link(file, name: str, folder: Path):
    file["other"] = np.zeros(3)
    file[name] = h5py.SoftLink("/other")


def soft_link_to_itself(file, name: str, folder: Path):
    file[name] = h5py.SoftLink(name)


def external_storage(file, name: str, folder: Path):
    file.create_dataset(name, shape=(100,), dtype="f8", external=[("/etc/passwd", 0, 800)])


def virtual(file, name: str, folder: Path):
    layout = h5py.VirtualLayout(shape=(3,), dtype="f8")
    layout[:] = h5py.VirtualSource(str(folder / "elsewhere.h5"), "numbers", shape=(3,))
    file.create_virtual_dataset(name, layout)


def chunk_bomb(file, name: str, folder: Path):
    """One chunk of zeros, which is short when it is compressed."""
    dataset = file.create_dataset(name, shape=(HUGE,), dtype="f8", chunks=(HUGE // 8,), compression="gzip")
    packed = bomb_chunk(8 * (HUGE // 8))
    for k in range(8):
        dataset.id.write_direct_chunk((k * (HUGE // 8),), packed)


def chunk_larger_than_its_dataset(file, name: str, folder: Path):
    """Three numbers, in a chunk of many."""
    dataset = file.create_dataset(name, shape=(3,), maxshape=(None,), dtype="f8", chunks=(HUGE,), compression="gzip")
    dataset.id.write_direct_chunk((0,), bomb_chunk(8 * HUGE))


def chunk_that_swells(file, name: str, folder: Path):
    """Three numbers by all accounts, but the compressed chunk does not end there."""
    dataset = file.create_dataset(name, shape=(3,), dtype="f8", chunks=(3,), compression="gzip")
    dataset.id.write_direct_chunk((0,), bomb_chunk(8 * HUGE))


def chunk_in_a_chunk(file, name: str, folder: Path):
    """Compressed twice: a million times smaller."""
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_chunk((3,))
    settings.set_deflate(9)
    settings.set_deflate(9)
    space = h5py.h5s.create_simple((3,))
    dataset = h5py.h5d.create(file.id, name.encode(), h5py.h5t.NATIVE_DOUBLE, space, settings)
    h5py.Dataset(dataset).id.write_direct_chunk((0,), zlib.compress(bomb_chunk(8 * HUGE)))


@cache
def bomb_chunk(size: int) -> bytes:
    return zlib.compress(bytes(size), 9)


def never_written(file, name: str, folder: Path):
    file.create_dataset(name, shape=(10**12,), dtype="f8", chunks=(10**6,))


def many_dimensions(file, name: str, folder: Path):
    file.create_dataset(name, shape=(2,) * 32, dtype="f8", chunks=(1,) * 32)


def shape_overflows(file, name: str, folder: Path):
    file.create_dataset(name, shape=(2**31, 2**31), dtype="f8", chunks=(1, 1))


def chunk_lies(file, name: str, folder: Path):
    """The chunk is not what a decompressor expects."""
    dataset = file.create_dataset(name, shape=(100,), dtype="f8", chunks=(100,), compression="gzip")
    dataset.id.write_direct_chunk((0,), b"no zlib stream")


def unknown_filter(file, name: str, folder: Path):
    """A reader would look for a plug-in, which is code."""
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_chunk((10,))
    settings.set_filter(32000, h5py.h5z.FLAG_OPTIONAL)
    space = h5py.h5s.create_simple((10,))
    dataset = h5py.h5d.create(file.id, name.encode(), h5py.h5t.NATIVE_DOUBLE, space, settings)
    h5py.Dataset(dataset).id.write_direct_chunk((0,), bytes(80))


def objects(file, name: str, folder: Path):
    file.create_dataset(name, data=["a", "b"], dtype=h5py.string_dtype())


def references(file, name: str, folder: Path):
    file.create_dataset(name, data=[file.ref], dtype=h5py.ref_dtype)


def records(file, name: str, folder: Path):
    file.create_dataset(name, data=np.zeros(2, dtype=[("a", "f8"), ("b", "S4")]))


def group(file, name: str, folder: Path):
    file.create_group(name)


def nothing(file, name: str, folder: Path):
    file.create_dataset(name, data=h5py.Empty("f8"))


def wide_numbers(file, name: str, folder: Path):
    file.create_dataset(name, data=np.zeros(3, np.longdouble))


DATASETS: dict[str, Callable] = {
    f.__name__.replace("_", "-"): f
    for f in (
        external_link, link_to_a_pipe, soft_link, soft_link_to_itself, external_storage, virtual, chunk_bomb,
        chunk_larger_than_its_dataset, chunk_that_swells, chunk_in_a_chunk,
        never_written, many_dimensions, shape_overflows, chunk_lies, unknown_filter, objects, references, records,
        group, nothing, wide_numbers,
    )
}  # fmt: skip
TEXTS = {
    "text-deep": '{"model":' * 200_000,
    "text-cut": '{"model"',
    "text-list": "[]",
    "text-points-outside": '{"model": {"@variables": {"out_bias": "../../etc/passwd"}}}',
    "text-points-to-the-root": '{"model": {"@variables": {"out_bias": "/"}}}',
    "text-points-to-a-number": '{"model": {"@variables": {"out_bias": 7}}}',
    "text-without-end": '{"model": {"x": ' + "9" * 100_000 + "}}",
}


def prepare(folder: Path):
    """What the files point to, which is genuine: it would be read if anything followed the way."""
    with h5py.File(folder / "elsewhere.h5", "w") as file:
        file["numbers"] = np.ones(3)
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe")


def files(genuine: bytes, folder: Path) -> Iterator[tuple[str, bytes]]:
    """A genuine `.dp` with one dataset, or its attribute, replaced."""
    path = folder / "scratch"
    for what, make in DATASETS.items():
        path.write_bytes(genuine)
        with h5py.File(path, "r+") as file:
            del file["variable_0007"]
            make(file, "/variable_0007", folder)
        yield f"{what}.dp", path.read_bytes()
    for what, text in TEXTS.items():
        with h5py.File(path, "w") as file:
            file.attrs["json"] = text
        yield f"{what}.dp", path.read_bytes()
    yield "text-of-bytes.dp", attribute(path, np.void(b"{}"))
    yield "text-of-numbers.dp", attribute(path, np.zeros(3))
    yield "text-thrice-shared.dp", attribute(path, json.dumps({"model": {"@variables": {"a": ["/x"] * 100_000}}}))
    yield "texts-at-one-place.dp", texts_at_one_place(3000, 1_000_003, as_attribute)
    path.unlink()


def attribute(path: Path, value) -> bytes:
    with h5py.File(path, "w") as file:
        file.attrs["json"] = value
        file["x"] = np.zeros(10_000)
    return path.read_bytes()


def texts_at_one_place(count: int, length: int, make) -> bytes:
    """An HDF5 file with many texts, which lie all at the place of the first, a long one.

    `make(file, texts)` puts them into the file.
    """
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        make(file, np.array(["L" * length, *("s" for _ in range(count - 1))], dtype=h5py.string_dtype()))
    data = buffer.getvalue()
    start = data.index(struct.pack("<I", length))  # of the array: length, place and number of each text, 16 bytes
    return data[:start] + data[start : start + 16] * count + data[start + 16 * count :]


def as_attribute(file, texts):
    file.attrs["json"] = texts
