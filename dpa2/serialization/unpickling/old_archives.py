"""PyTorch's format before 1.6: pickles one after another, then the raw numbers.

The pickles are: a magic number, the version of the format, facts about the machine, the object, and the keys of the
storages. The numbers of each storage follow, in the order of the keys, after their count (8 bytes).
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy

from ...errors import FormatError
from .pickles import read_pickle, refuse
from .tensors import TENSORS, names_of_torch, numbers_of, storage_parts

MAGIC = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # the pickled magic number, at the end of the first pickle
VERSION = 1001  # of the format; there is no other


def is_old_archive(data: bytes) -> bool:
    """Return whether a file begins with the magic number, pickled by any protocol."""
    return data[:1] == b"\x80" and MAGIC in data[:40]


def read_old_archive(data: bytes):
    """The object in a file of the old format, which is read twice: first to learn the types of the storages."""
    file = io.BytesIO(data)
    read_pickle(file, names_of_torch)
    if read_pickle(file, names_of_torch) != VERSION:
        raise FormatError("is of a version of PyTorch's old format that does not exist")
    machine = read_pickle(file, names_of_torch)
    little = not isinstance(machine, dict) or machine.get("little_endian", True)
    start, kinds = file.tell(), StorageKinds("<" if little else ">")
    read_pickle(file, names_without_tensors, kinds)
    keys = read_pickle(file, names_of_torch)
    storages = FoundStorages(kinds, read_numbers(data, file.tell(), keys, kinds))
    file.seek(start)
    return read_pickle(file, names_of_torch, storages)


def names_without_tensors(name: str) -> Callable | None:
    """The function for a name, where tensors are left out."""
    return (lambda *_: None) if name in TENSORS else names_of_torch(name)


class StorageKinds:
    """The types of the numbers of all storages by key, collected while a pickle is read."""

    def __init__(self, order: str):
        self.order = order
        self.found: dict[str, numpy.dtype] = {}

    def __call__(self, identifier) -> None:
        """Note the type of the storage ("storage", class, key, device, count, view)."""
        kind, key, _ = self.parts(identifier)
        if self.found.setdefault(key, kind) != kind:
            refuse("two types of numbers in one storage")

    def parts(self, identifier) -> tuple[numpy.dtype, str, int]:
        """Type, key and count of numbers of a storage."""
        *identifier, view = identifier
        if view is not None:
            refuse("a storage within a storage")
        return storage_parts(identifier, self.order)


def read_numbers(data: bytes, start: int, keys, kinds: StorageKinds) -> dict[str, numpy.ndarray]:
    """The numbers of all storages, which lie one after another, each behind its count."""
    if not isinstance(keys, list) or not all(isinstance(key, str) and key in kinds.found for key in keys):
        refuse("an unusual list of storages")
    found: dict[str, numpy.ndarray] = {}
    for key in keys:
        count, start = int.from_bytes(data[start : start + 8], "little"), start + 8
        end = start + count * kinds.found[key].itemsize
        if end > len(data):
            raise FormatError(f"storage {key} ends after the end of the file", key=key)
        found[key] = numpy.frombuffer(data, kinds.found[key], count, start)
        start = end
    return found


class FoundStorages:
    """The storages of a file of the old format."""

    def __init__(self, kinds: StorageKinds, found: dict[str, numpy.ndarray]):
        self.kinds, self.found = kinds, found

    def __call__(self, identifier) -> numpy.ndarray:
        _, key, count = self.kinds.parts(identifier)
        if key not in self.found:
            raise FormatError(f"storage {key} is missing", key=key)
        return numbers_of(self.found[key], key, count)
