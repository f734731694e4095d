"""Tensors in pickles as NumPy arrays: PyTorch's, whose numbers lie beside the pickle, and NumPy's own.

Source: sections 4.1, 5.2 and 9.1 of the description of formats.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy
from numpy.lib.stride_tricks import as_strided

from ...dtypes import DTYPES, IN_NUMPY
from ...errors import FormatError, shorten
from .archives import Archive
from .pickles import Instance, Name, refuse
from .plain_data import PYTHON, TORCH, never_called

OPAQUE = DTYPES["bfloat16"].raw  # has no byte order for NumPy
# Beginnings of the names of PyTorch's other storage classes, and NumPy's codes.
INTEGERS = {"Long": "i8", "Int": "i4", "Short": "i2", "Char": "i1", "Byte": "u1", "Bool": "?"}
STORAGES = {f"torch {dtype.storage}": dtype.raw for dtype in DTYPES.values()}  # PyTorch's classes, NumPy's codes
STORAGES |= {f"torch {name}Storage": code for name, code in INTEGERS.items()}
# Codes of NumPy that a pickle may name.
PICKLED = (*(dtype.raw for dtype in IN_NUMPY), "b1", *(f"{sign}{size}" for sign in "iu" for size in (1, 2, 4, 8)))


def storage_class(name: str) -> Callable | None:
    """The storage class of this name, or None."""
    return StorageClass(STORAGES[name]) if name in STORAGES else None


class StorageClass:
    """A storage class of PyTorch, of which only the dtype is used."""

    def __init__(self, dtype: str):
        self.dtype = dtype

    def __call__(self, *_):
        refuse("a call of a storage class")


class Storages:
    """The raw numbers beside a pickle; each is read once, and tensors that share one share its memory."""

    def __init__(self, archive: Archive, folder: str):
        self.archive, self.folder = archive, folder
        self.found: dict[str, numpy.ndarray] = {}
        order = bytes(archive.read(f"{folder}byteorder")) if f"{folder}byteorder" in archive.entries else b"little"
        self.order = ">" if order == b"big" else "<"

    def __call__(self, identifier) -> numpy.ndarray:
        """The numbers of the storage ("storage", class, key, device, count)."""
        dtype, key, count = storage_parts(identifier, self.order)
        if key not in self.found:
            self.found[key] = self.read(key, dtype)
        return numbers_of(self.found[key], key, count)

    def read(self, key: str, dtype: numpy.dtype) -> numpy.ndarray:
        content = self.archive.read(f"{self.folder}data/{key}")
        if len(content) % dtype.itemsize:
            raise FormatError(f"storage {key} has a size that is not a multiple of one {dtype.name} number", key=key)
        return numpy.frombuffer(content, dtype)


def storage_parts(identifier, order: str) -> tuple[numpy.dtype, str, int]:
    """Type, key and count of numbers of the storage ("storage", class, key, device, count)."""
    word, kind, key, _, count = identifier
    dtype = getattr(getattr(kind, "meaning", None), "dtype", None)
    if word != "storage" or dtype is None or not isinstance(key, str) or not is_count(count):
        refuse("an unusual storage")
    return numpy.dtype(dtype if dtype == OPAQUE else order + dtype), key, count


def numbers_of(storage: numpy.ndarray, key: str, count: int) -> numpy.ndarray:
    """The first numbers of a storage, if it has so many."""
    if storage.size < count:
        raise FormatError(f"storage {key} holds {storage.size} numbers, but {count} are needed", key=key)
    return storage[:count]


def is_count(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def rebuild_tensor(storage, offset, size, stride, *_) -> numpy.ndarray:
    """A tensor as a view of its storage; one that leaves the storage or is larger than it is refused."""
    numbers = (offset, *size, *stride)
    if not isinstance(storage, numpy.ndarray) or len(size) != len(stride) or not all(map(is_count, numbers)):
        refuse("an unusual tensor")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    count = math.prod(size)
    if count > storage.size or (count and last >= storage.size):
        raise FormatError(f"tensor of shape {shorten(tuple(size))} lies outside of its storage")
    if not count:
        return numpy.zeros(size, storage.dtype)
    return as_strided(storage[offset:], size, [step * storage.itemsize for step in stride], writeable=False)


class PickledDtype:
    """A dtype of NumPy; its byte order is set after it is made."""

    def __init__(self, name, *_):
        self.dtype = numpy.dtype(name if name in PICKLED else refuse("an unusual dtype"))

    def build(self, state) -> None:
        if state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


class PickledArray:
    """An array of NumPy; its shape and numbers are set after it is made."""

    def __init__(self, *_):
        self.array: numpy.ndarray | None = None

    @classmethod
    def of_buffer(cls, content, kind, shape, order) -> PickledArray:
        """The array of a buffer, as protocol 5 has it."""
        whole = cls()
        whole.build((1, shape, kind, order == "F", bytes(content) if isinstance(content, bytearray) else content))
        return whole

    def build(self, state) -> None:
        _, shape, kind, fortran, content = state
        if not isinstance(kind, PickledDtype) or not isinstance(content, bytes) or not all(map(is_count, shape)):
            refuse("an unusual array")
        if math.prod(shape) * kind.dtype.itemsize != len(content):
            raise FormatError(
                f"array of shape {shorten(shape)} has {len(content)} bytes of numbers, which do not fill it"
            )
        self.array = numpy.frombuffer(content, kind.dtype).reshape(shape, order="F" if fortran else "C")


def number(kind: PickledDtype, content: bytes) -> float:
    """A scalar of NumPy."""
    return numpy.frombuffer(content, kind.dtype)[0].item()


def rebuild_parameter(tensor, *_) -> numpy.ndarray:
    """The tensor of a parameter, which is a tensor with a flag and with hooks."""
    return tensor if isinstance(tensor, numpy.ndarray) else refuse("an unusual parameter")


def rebuild_subclass(function, kind, arguments, *_) -> numpy.ndarray:
    """The tensor in an object of a class derived from it, or with attributes of its own, which are not used."""
    if not isinstance(function, Name) or function.meaning not in (rebuild_tensor, rebuild_parameter):
        refuse("an unusual tensor")
    return function.meaning(*arguments)


# Names with the functions that take their places: in any checkpoint, in those of PyTorch, and in TorchScript.
NUMPY: dict[str, Callable] = PYTHON | {"numpy ndarray": PickledArray, "numpy dtype": PickledDtype}
for core in ("core", "_core"):
    NUMPY |= {f"numpy.{core}.multiarray _reconstruct": PickledArray, f"numpy.{core}.multiarray scalar": number}
    NUMPY |= {f"numpy.{core}.numeric _frombuffer": PickledArray.of_buffer}
TENSORS: dict[str, Callable] = {
    "torch._utils _rebuild_tensor_v2": rebuild_tensor,
    "torch._utils _rebuild_parameter": rebuild_parameter,
    "torch._utils _rebuild_parameter_with_state": rebuild_parameter,
    "torch._tensor _rebuild_from_type_v2": rebuild_subclass,
    "torch._tensor Tensor": never_called,
    "torch Tensor": never_called,
    "torch.nn.parameter Parameter": never_called,
}
SCRIPT: dict[str, Callable] = {"torch.jit._pickle restore_type_tag": lambda value, tag: value} | {
    f"torch.jit._pickle build_{kind}list": lambda items: items for kind in ("int", "double", "bool", "tensor")
}


def names_of_numpy(name: str) -> Callable | None:
    """The function for a name in a checkpoint of Paddle, or None."""
    return NUMPY.get(name)


def names_of_torch(name: str) -> Callable | None:
    """The function for a name in a checkpoint of PyTorch, or None."""
    return TENSORS.get(name) or TORCH.get(name) or NUMPY.get(name) or storage_class(name)


def names_of_script(name: str) -> Callable | None:
    """The function for a name in a TorchScript archive, whose classes are as many as the model has parts, or None."""
    return instance_of(name) if name.startswith("__torch__.") else SCRIPT.get(name) or names_of_torch(name)


def instance_of(name: str) -> Callable:
    """The function that makes the stand-in for an object of that class."""
    return lambda: Instance(name)
