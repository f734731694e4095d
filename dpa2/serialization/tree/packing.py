"""Packing of the model's tensors in DeePMD-kit's arrays: permutations, exact to the bit in both directions.

Source: sections 2.5 to 2.9 of the description of formats, 8.5, 8.6 and 9.7 of the specification.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy

from ...dtypes import NAMES
from ...errors import FormatError, UnsupportedModel
from ..bfloat16 import dtype_name, narrow, round_to_bfloat16, widen
from ..budget import spend

Arrays = tuple[numpy.ndarray, ...]


@dataclass(frozen=True)
class TreeArray:
    """One array of the native tree: the names of the model's tensors in it, its shape and dtype, and its packing."""

    names: tuple[str, ...]
    shape: tuple[int, ...]
    unpack: Callable[[numpy.ndarray], Arrays]
    pack: Callable[..., numpy.ndarray]
    dtype: str = "float64"
    also: tuple[str, ...] = ()  # other precisions that this array has in files of old releases

    def of(self, dtype: str) -> TreeArray:
        """The same array in another precision."""
        return replace(self, dtype=dtype)

    def read(self, array) -> dict[str, numpy.ndarray]:
        """The model's tensors from the array of a file, which is checked."""
        return dict(zip(self.names, map(numpy.ascontiguousarray, self.unpack(self.check(array))), strict=True))

    def write(self, weights: dict[str, numpy.ndarray]) -> numpy.ndarray:
        """The array of a file from the model's tensors."""
        array = numpy.ascontiguousarray(self.pack(*(weights[name] for name in self.names)))
        return narrow(array, self.names[0]) if self.dtype == "bfloat16" else array

    def check(self, array) -> numpy.ndarray:
        """The array in native byte order, if its shape and dtype are right."""
        name, first = " and ".join(self.names) or "of a setting", next(iter(self.names), None)
        if not isinstance(array, numpy.ndarray):
            raise FormatError(f"tensor {name} {self.shape} is missing", tensor=first)
        if len(self.shape) == 1 and array.shape == (1, *self.shape):  # as very old files have it
            array = array[0]
        dtype = dtype_name(array)
        if array.shape == self.shape and dtype in self.also and dtype != self.dtype:
            return in_precision(array, self.dtype)
        if (array.shape, dtype) != (self.shape, self.dtype):
            found = f"is {dtype} {array.shape}, but must be {self.dtype} {self.shape}"
            raise FormatError(f"tensor {name} {found}", tensor=first)
        spend(array.nbytes, steps=10)
        return widen(array) if dtype == "bfloat16" else array.astype(dtype, copy=False)


def in_precision(array: numpy.ndarray, dtype: str) -> numpy.ndarray:
    """The numbers of a file in another precision, as a tensor takes them when a checkpoint is loaded into it."""
    exact = widen(array) if dtype_name(array) == "bfloat16" else array
    return round_to_bfloat16(exact.astype("f4")) if dtype == "bfloat16" else exact.astype(dtype)


def plain(name: str, shape: tuple[int, ...]) -> TreeArray:
    """An array that is one tensor as it is."""
    return TreeArray((name,), shape, lambda a: (a,), lambda a: a)


def reshaped(name: str, shape: tuple[int, ...], ours: int | tuple[int, ...]) -> TreeArray:
    """An array that is a tensor with other axes of length one around it."""
    return TreeArray((name,), shape, lambda a: (a.reshape(ours),), lambda a: a.reshape(shape))


def setting(values: tuple[float, ...], shape: tuple[int, ...]) -> TreeArray:
    """An array that holds a setting, which was read from it before, and no tensor."""
    return TreeArray((), shape, lambda a: (), lambda: numpy.array(values).reshape(shape), also=NAMES)


def statistics(name: str, types: int, max_neighbors: int) -> TreeArray:
    """An array with one row for each type, repeated for every neighbor; rows that differ are refused."""

    def unpack(a: numpy.ndarray) -> Arrays:
        bits = numpy.ascontiguousarray(a).view(f"u{a.dtype.itemsize}")
        if (bits != bits[:, :1, :]).any():
            what = f"{name} varies from one neighbour slot to another (specification section 9.7)"
            raise UnsupportedModel(what, what=what, tensor=name)
        return (a[:, 0, :],)

    def repeated(a: numpy.ndarray) -> numpy.ndarray:
        return numpy.repeat(a[:, None, :], max_neighbors, axis=1)

    return TreeArray((name,), (types, max_neighbors, 4), unpack, repeated, also=("float64",))


def head_fastest(name: str, channels: int, dim: int, heads: int) -> TreeArray:
    """Column x H + h is component x of head h."""
    shape = (channels, dim * heads)
    return TreeArray((name,), shape, lambda a: (split_heads(a, heads),), merge_heads)


def query_and_key(query: str, key: str, channels: int, dim: int, heads: int) -> TreeArray:
    """Columns x 2H + h: the first H of each component are queries, the others keys."""

    def unpack(a: numpy.ndarray) -> Arrays:
        both = split_heads(a, 2 * heads)
        return both[:heads], both[heads:]

    return TreeArray(
        (query, key), (channels, 2 * dim * heads), unpack, lambda q, k: merge_heads(numpy.concatenate([q, k]))
    )


def key_and_value(key: str, value: str, channels: int, dim: int, heads: int) -> TreeArray:
    """Columns x H + h: the first D components are the key, the others the value."""

    def unpack(a: numpy.ndarray) -> Arrays:
        both = split_heads(a, heads)
        return both[:, :, :dim], both[:, :, dim:]

    shape = (channels, (dim + channels) * heads)
    return TreeArray((key, value), shape, unpack, lambda k, v: merge_heads(numpy.concatenate([k, v], axis=2)))


def output_head_slowest(name: str, channels: int, heads: int) -> TreeArray:
    """Row h d + x takes component x of head h (local attention)."""
    shape = (heads * channels, channels)
    return TreeArray((name,), shape, lambda a: (a.reshape(heads, channels, channels),), lambda a: a.reshape(shape))


def output_head_fastest(name: str, channels: int, heads: int) -> TreeArray:
    """Row x H + h takes component x of head h (pair attention)."""
    shape = (heads * channels, channels)

    def unpack(a: numpy.ndarray) -> Arrays:
        return (a.reshape(channels, heads, channels).swapaxes(0, 1),)

    return TreeArray((name,), shape, unpack, lambda a: a.swapaxes(0, 1).reshape(shape))


def split_heads(a: numpy.ndarray, heads: int) -> numpy.ndarray:
    """(channel, dim · head) → (head, channel, dim)"""
    return numpy.moveaxis(a.reshape(a.shape[0], -1, heads), 2, 0)


def merge_heads(a: numpy.ndarray) -> numpy.ndarray:
    """(head, channel, dim) → (channel, dim · head)"""
    return numpy.moveaxis(a, 0, 2).reshape(a.shape[1], -1)
