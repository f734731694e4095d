"""The same model in another precision, where that is asked for."""

from __future__ import annotations

import numpy

from ..config import DPA2Config
from ..construction.precision import in_precision
from ..errors import TargetLacks
from .checkpoint import Checkpoint
from .inventory import Tensor, inventory


def cast(checkpoint: Checkpoint, dtype: str) -> Checkpoint:
    """All numbers rounded to `dtype`, but those that every model keeps in float64.

    Raises `TargetLacks` for a number that is too large for the precision.
    """
    config = in_precision(checkpoint.config, dtype)
    tensors = inventory(config)
    weights = {name: cast_one(name, array, tensors[name], config) for name, array in checkpoint.weights.items()}
    return Checkpoint(config, weights, checkpoint.metadata)


def cast_one(name: str, array: numpy.ndarray, tensor: Tensor, config: DPA2Config) -> numpy.ndarray:
    """One tensor in the precision of its part of the model."""
    with numpy.errstate(over="ignore"):
        rounded = array.astype(tensor.dtype)
        if config.dtype == "bfloat16" and not tensor.role.wide:
            rounded = to_bfloat16(rounded)
    if (numpy.isinf(rounded) & ~numpy.isinf(array)).any():
        what = f"tensor {name} holds numbers beyond {config.dtype}"
        raise TargetLacks(what, what=what, tensor=name)
    return rounded


def to_bfloat16(array: numpy.ndarray) -> numpy.ndarray:
    """The nearest bfloat16 numbers, ties to even, held as float32."""
    bits = array.view("u4")
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return numpy.where(numpy.isnan(array), array, rounded.astype("u4").view("f4"))
