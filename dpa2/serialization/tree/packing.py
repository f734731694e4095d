"""How DeePMD-kit packs the tensors that we hold unpacked: permutations, exact to the bit in both directions.

Source: sections 2.5 to 2.9 of the description of formats, 8.5, 8.6 and 9.7 of the specification.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy

from ...errors import FormatError, UnsupportedModel
from ..bfloat16 import dtype_name, narrow, widen

Arrays = tuple[numpy.ndarray, ...]


@dataclass(frozen=True)
class Slot:
    """One array of the native tree: which of our tensors it holds (`names`), its shape and dtype, and how it packs."""

    names: tuple[str, ...]
    shape: tuple[int, ...]
    unpack: Callable[[numpy.ndarray], Arrays]
    pack: Callable[..., numpy.ndarray]
    dtype: str = "float64"

    def of(self, dtype: str) -> Slot:
        """The same slot in another precision."""
        return replace(self, dtype=dtype)

    def read(self, array) -> dict[str, numpy.ndarray]:
        """Our tensors from the array of a file, which is checked."""
        return dict(zip(self.names, map(numpy.ascontiguousarray, self.unpack(self.check(array))), strict=True))

    def write(self, weights: dict[str, numpy.ndarray]) -> numpy.ndarray:
        """The array of a file from our tensors."""
        array = numpy.ascontiguousarray(self.pack(*(weights[name] for name in self.names)))
        return narrow(array, self.names[0]) if self.dtype == "bfloat16" else array

    def check(self, array) -> numpy.ndarray:
        """The array in native byte order, if its shape and dtype are right."""
        name = " and ".join(self.names)
        if not isinstance(array, numpy.ndarray):
            raise FormatError(f"tensor {name} {self.shape} is missing", tensor=self.names[0])
        if len(self.shape) == 1 and array.shape == (1, *self.shape):  # as very old files have it
            array = array[0]
        dtype = dtype_name(array)
        if (array.shape, dtype) != (self.shape, self.dtype):
            found = f"is {dtype} {array.shape}, not {self.dtype} {self.shape}"
            raise FormatError(f"tensor {name} {found}", tensor=self.names[0])
        return widen(array) if dtype == "bfloat16" else array.astype(dtype, copy=False)


def plain(name: str, shape: tuple[int, ...]) -> Slot:
    """Held as it is."""
    return Slot((name,), shape, lambda a: (a,), lambda a: a)


def reshaped(name: str, shape: tuple[int, ...], count: int) -> Slot:
    """A vector with axes of length one around it."""
    return Slot((name,), shape, lambda a: (a.reshape(count),), lambda a: a.reshape(shape))


def statistics(name: str, types: int, slots: int) -> Slot:
    """One row for each type, repeated for every neighbour slot; rows that differ are refused by name."""

    def unpack(a: numpy.ndarray) -> Arrays:
        bits = numpy.ascontiguousarray(a).view(f"u{a.dtype.itemsize}")
        if (bits != bits[:, :1, :]).any():
            what = f"{name} varies from one neighbour slot to another (specification section 9.7)"
            raise UnsupportedModel(what, what=what, tensor=name)
        return (a[:, 0, :],)

    return Slot((name,), (types, slots, 4), unpack, lambda a: numpy.repeat(a[:, None, :], slots, axis=1))


def head_fastest(name: str, channels: int, dim: int, heads: int) -> Slot:
    """Column x H + h is component x of head h."""
    shape = (channels, dim * heads)
    return Slot((name,), shape, lambda a: (split_heads(a, heads),), merge_heads)


def query_and_key(query: str, key: str, channels: int, dim: int, heads: int) -> Slot:
    """Columns x 2H + h: the first H of each component are queries, the others keys."""

    def unpack(a: numpy.ndarray) -> Arrays:
        both = split_heads(a, 2 * heads)
        return both[:heads], both[heads:]

    return Slot((query, key), (channels, 2 * dim * heads), unpack, lambda q, k: merge_heads(numpy.concatenate([q, k])))


def key_and_value(key: str, value: str, channels: int, dim: int, heads: int) -> Slot:
    """Columns x H + h: the first D components are the key, the others the value."""

    def unpack(a: numpy.ndarray) -> Arrays:
        both = split_heads(a, heads)
        return both[:, :, :dim], both[:, :, dim:]

    shape = (channels, (dim + channels) * heads)
    return Slot((key, value), shape, unpack, lambda k, v: merge_heads(numpy.concatenate([k, v], axis=2)))


def output_head_slowest(name: str, channels: int, heads: int) -> Slot:
    """Row h d + x takes component x of head h (local attention)."""
    shape = (heads * channels, channels)
    return Slot((name,), shape, lambda a: (a.reshape(heads, channels, channels),), lambda a: a.reshape(shape))


def output_head_fastest(name: str, channels: int, heads: int) -> Slot:
    """Row x H + h takes component x of head h (pair attention)."""
    shape = (heads * channels, channels)

    def unpack(a: numpy.ndarray) -> Arrays:
        return (a.reshape(channels, heads, channels).swapaxes(0, 1),)

    return Slot((name,), shape, unpack, lambda a: a.swapaxes(0, 1).reshape(shape))


def split_heads(a: numpy.ndarray, heads: int) -> numpy.ndarray:
    """(channel, dim · head) → (head, channel, dim)"""
    return numpy.moveaxis(a.reshape(a.shape[0], -1, heads), 2, 0)


def merge_heads(a: numpy.ndarray) -> numpy.ndarray:
    """(head, channel, dim) → (channel, dim · head)"""
    return numpy.moveaxis(a, 0, 2).reshape(a.shape[1], -1)
