"""The functions of the array-API standard that the core uses, for tensors of Paddle, which carry no namespace.

Paddle has most of them, some under other names or with other arguments. Its classes stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

from ..errors import require
from ..nn.arrays import Array

paddle: Any = require("paddle", "paddle")

AXES = int | Sequence[int] | None

int32, int64, finfo = paddle.int32, paddle.int64, paddle.finfo
abs, exp, log1p, sqrt, tanh = paddle.abs, paddle.exp, paddle.log1p, paddle.sqrt, paddle.tanh
ceil, floor, maximum, minimum = paddle.ceil, paddle.floor, paddle.maximum, paddle.minimum
broadcast_to, concat, permute_dims, reshape = paddle.broadcast_to, paddle.concat, paddle.transpose, paddle.reshape
ones_like, stack, where, zeros_like = paddle.ones_like, paddle.stack, paddle.where, paddle.zeros_like


def asarray(values: Any, *, dtype: Any = None, device: Any = None) -> Array:
    """The values as a tensor."""
    return paddle.to_tensor(values, dtype=dtype, place=device)


def astype(x: Array, dtype: Any) -> Array:
    """The tensor in another precision."""
    return x.astype(dtype)


def clip(x: Array, low: float | None = None, high: float | None = None) -> Array:
    """The numbers, or the bound that they pass; Paddle's own default for a bound is the largest float32."""
    lowest, highest = (-inf, inf) if x.is_floating_point() else (paddle.iinfo(x.dtype).min, paddle.iinfo(x.dtype).max)
    return paddle.clip(x, lowest if low is None else low, highest if high is None else high)


def argsort(x: Array, *, axis: int = -1, stable: bool = True) -> Array:
    """Where the numbers are along an axis, in ascending order; equal ones in theirs if stable."""
    return paddle.argsort(x, axis, stable=stable)


def zeros(shape: Sequence[int] | int, *, dtype: Any = None) -> Array:
    """Zeros in a shape."""
    return paddle.zeros([shape] if isinstance(shape, int) else shape, dtype)


def arange(count: int, *, device: Any = None) -> Array:
    """Whole numbers from 0 on."""
    return paddle.arange(count, dtype=int64, device=device)


def searchsorted(x: Array, values: Array, *, side: str = "left") -> Array:
    """Where the values would stand among ascending numbers."""
    return paddle.searchsorted(x, values, right=side == "right")


def take(x: Array, indices: Array, *, axis: int) -> Array:
    """The slices of the tensor at some places of an axis."""
    return paddle.index_select(x, indices, axis)


def unstack(x: Array, *, axis: int = 0) -> Sequence[Array]:
    """The slices of the tensor along an axis."""
    return paddle.unbind(x, axis)


def cumulative_sum(x: Array, *, axis: int = 0, dtype: Any = None) -> Array:
    """Sums of all numbers up to each one."""
    return paddle.cumsum(x, axis, dtype)


def vecdot(x: Array, y: Array) -> Array:
    """Scalar products along the last axis."""
    return paddle.sum(x * y, axis=-1)


def sum(x: Array, *, axis: AXES = None, keepdims: bool = False) -> Array:
    """Sums along axes."""
    return paddle.sum(x, axis, keepdim=keepdims)


def mean(x: Array, *, axis: AXES = None, keepdims: bool = False) -> Array:
    """Means along axes."""
    return paddle.mean(x, axis, keepdim=keepdims)


def max(x: Array, *, axis: AXES = None, keepdims: bool = False) -> Array:
    """Largest numbers along axes."""
    return paddle.max(x, axis, keepdim=keepdims)


def min(x: Array, *, axis: AXES = None, keepdims: bool = False) -> Array:
    """Smallest numbers along axes."""
    return paddle.min(x, axis, keepdim=keepdims)
