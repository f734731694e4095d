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
from .pickles import Instance, refuse

OPAQUE = DTYPES["bfloat16"].raw  # has no byte order for NumPy
# Beginnings of the names of PyTorch's other storage classes, and NumPy's codes.
INTEGERS = {"Long": "i8", "Int": "i4", "Short": "i2", "Char": "i1", "Byte": "u1", "Bool": "?"}
STORAGES = {f"torch {dtype.storage}": dtype.raw for dtype in DTYPES.values()}  # PyTorch's classes, NumPy's codes
STORAGES |= {f"torch {name}Storage": code for name, code in INTEGERS.items()}
PICKLED = (*(dtype.raw for dtype in IN_NUMPY), "i8", "i4", "b1", "u1")  # codes of NumPy that a pickle may name


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
        word, kind, key, _, count = identifier
        dtype = getattr(getattr(kind, "meaning", None), "dtype", None)
        if word != "storage" or dtype is None or not isinstance(key, str) or not is_count(count):
            refuse("an unusual storage")
        if key not in self.found:
            self.found[key] = self.read(key, numpy.dtype(dtype if dtype == OPAQUE else self.order + dtype))
        if self.found[key].size < count:
            raise FormatError(f"storage {key} holds {self.found[key].size} numbers, but {count} are needed", key=key)
        return self.found[key][:count]

    def read(self, key: str, dtype: numpy.dtype) -> numpy.ndarray:
        content = self.archive.read(f"{self.folder}data/{key}")
        if len(content) % dtype.itemsize:
            raise FormatError(f"storage {key} has a size that is not a multiple of one {dtype.name} number", key=key)
        return numpy.frombuffer(content, dtype)


def is_count(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


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


def dictionary(*arguments) -> dict:
    """An ordered dictionary, empty or of pairs."""
    pairs = arguments[0] if arguments else []
    return dict(pairs) if all(isinstance(key, str) for key, _ in pairs) else refuse("an unusual dictionary")


# Names in checkpoints of PyTorch and in TorchScript, with the functions that take their places.
TORCH: dict[str, Callable] = {"collections OrderedDict": dictionary, "torch._utils _rebuild_tensor_v2": rebuild_tensor}
SCRIPT: dict[str, Callable] = {"torch.jit._pickle restore_type_tag": lambda value, tag: value} | {
    f"torch.jit._pickle build_{kind}list": lambda items: items for kind in ("int", "double", "bool", "tensor")
}


def names_of_torch(name: str) -> Callable | None:
    """The function for a name in a checkpoint of PyTorch, or None."""
    return TORCH.get(name) or storage_class(name)


def names_of_script(name: str) -> Callable | None:
    """The function for a name in a TorchScript archive, whose classes are as many as the model has parts, or None."""
    return Instance if name.startswith("__torch__.") else SCRIPT.get(name) or names_of_torch(name)


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


def tuple_of(items=()) -> tuple:
    """A tuple of the items of a list or tuple."""
    return tuple(items) if isinstance(items, (list, tuple)) else refuse("a tuple of something else than a list")


def text_as_bytes(text: str, encoding: str) -> bytes:
    """Bytes from a text, in which old protocols hold them."""
    return text.encode("latin1") if encoding == "latin1" else refuse("an unusual encoding")


# Names in checkpoints of Paddle, with the functions that take their places.
REBUILD: dict[str, Callable] = {"_reconstruct": PickledArray, "scalar": number}
NUMPY: dict[str, Callable] = {
    "collections OrderedDict": dictionary,
    "builtins tuple": tuple_of,
    "numpy ndarray": PickledArray,
    "numpy dtype": PickledDtype,
    "_codecs encode": text_as_bytes,
    "__builtin__ bytes": lambda *items: refuse("bytes made of something") if items else b"",
    "__builtin__ tuple": tuple_of,
}
NUMPY |= {f"numpy.{core}.multiarray {name}": REBUILD[name] for core in ("core", "_core") for name in REBUILD}


def names_of_numpy(name: str) -> Callable | None:
    """The function for a name in a checkpoint of Paddle, or None."""
    return NUMPY.get(name)
