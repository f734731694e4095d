"""The bytes of PyTorch's archives, made without PyTorch: a pickle, and raw numbers beside it.

Source: section 4.1 of the description of formats.
"""

from __future__ import annotations

import io
import struct
import zipfile

import numpy

from ...dtypes import DTYPES
from ..bfloat16 import dtype_name
from ..checkpoint import little_endian

ALIGNMENT = 64  # bytes; the content of each entry begins at a multiple of it
ROOT = "model"  # folder that contains all entries
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"  # pushes the function that makes a tensor
ORDERED = b"ccollections\nOrderedDict\n)R"  # pushes an empty dictionary of hooks


def to_archive(root: dict) -> bytes:
    """Return the bytes of an archive; an array that stands in several places is kept once."""
    emitter = Emitter()
    program = emitter.program(root)
    return archive({"data.pkl": program, "byteorder": b"little"} | emitter.storages | {"version": b"3\n"})


class Emitter:
    """A writer of pickles of plain values and arrays, which keeps the raw numbers of each array once."""

    def __init__(self):
        self.storages: dict[str, bytes] = {}
        self.keys: dict[int, str] = {}

    def program(self, value) -> bytes:
        """The whole pickle, protocol 2."""
        return b"\x80\x02" + self.emit(value) + b"."

    def emit(self, value) -> bytes:
        """Operations that put a value on the stack."""
        if isinstance(value, numpy.ndarray):
            return self.tensor(value)
        if isinstance(value, dict):
            items = b"".join(self.emit(key) + self.emit(item) for key, item in value.items())
            return b"}(" + items + b"u"
        if isinstance(value, (list, tuple)):
            items = b"".join(map(self.emit, value))
            return b"(" + items + b"t" if isinstance(value, tuple) else b"](" + items + b"e"
        return scalar(value)

    def tensor(self, array: numpy.ndarray) -> bytes:
        """Operations that call PyTorch's function for a tensor, which takes all numbers of a storage."""
        key = self.keys.setdefault(id(array), str(len(self.keys)))
        self.storages[f"data/{key}"] = little_endian(array)
        kind = DTYPES[dtype_name(array)].storage
        words = scalar("storage") + f"ctorch\n{kind}\n".encode() + scalar(key) + scalar("cpu") + scalar(array.size)
        strides = [step // array.itemsize for step in array.strides]
        shape = self.emit(array.shape) + self.emit(tuple(strides))
        return REBUILD + b"((" + words + b"tQ" + scalar(0) + shape + scalar(False) + ORDERED + b"tR"


def scalar(value) -> bytes:
    """Operations that put None, a flag, a number or a word on the stack."""
    if value is None or isinstance(value, bool):
        return {None: b"N", True: b"\x88", False: b"\x89"}[value]
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value) if -(2**31) <= value < 2**31 else f"I{value}\n".encode()
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    text = value.encode()
    return b"X" + struct.pack("<I", len(text)) + text


def archive(entries: dict[str, bytes]) -> bytes:
    """The bytes of a ZIP archive, which are the same for the same entries."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
        for name, content in entries.items():
            entry = zipfile.ZipInfo(f"{ROOT}/{name}")
            entry.extra = padding(buffer.tell() + 30 + len(entry.filename))
            file.writestr(entry, content)
    return buffer.getvalue()


def padding(position: int) -> bytes:
    """An extra field, as PyTorch writes it, up to the next multiple of the alignment."""
    count = -(position + 4) % ALIGNMENT
    return b"FB" + struct.pack("<H", count) + b"Z" * count
