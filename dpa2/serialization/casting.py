"""Conversion of a model to another precision."""

from __future__ import annotations

import numpy

from ..config import DPA2Config
from ..construction.precision import in_precision
from ..errors import TargetLacks
from .bfloat16 import round_to_bfloat16
from .checkpoint import Checkpoint
from .inventory import Tensor, inventory


def cast(checkpoint: Checkpoint, dtype: str) -> Checkpoint:
    """The same model with all numbers rounded to `dtype`, except those that every model keeps in float64.

    Raises `TargetLacks` for a number that is too large for the precision.
    """
    config = in_precision(checkpoint.config, dtype)
    tensors = inventory(config)
    weights = {name: cast_one(name, array, tensors[name], config) for name, array in checkpoint.weights.items()}
    return Checkpoint(config, weights, checkpoint.metadata)


def rounding(before: Checkpoint, after: Checkpoint) -> float:
    """Return the largest relative change of a number from one model to its copy in another precision."""
    return max(relative_change(array, after.weights[name]) for name, array in before.weights.items())


def relative_change(before: numpy.ndarray, after: numpy.ndarray) -> float:
    """Return the largest change of a number in an array, relative to the number; those that are zero do not change."""
    first, second = before.astype("float64"), after.astype("float64")
    used = numpy.isfinite(first) & (first != 0)
    return float((numpy.abs(second - first)[used] / numpy.abs(first[used])).max(initial=0.0))


def cast_one(name: str, array: numpy.ndarray, tensor: Tensor, config: DPA2Config) -> numpy.ndarray:
    """One tensor in the precision of its part of the model."""
    with numpy.errstate(over="ignore"):
        rounded = array.astype(tensor.dtype)
        if config.dtype == "bfloat16" and tensor.dtype != "float64":
            rounded = round_to_bfloat16(rounded)
    if (numpy.isinf(rounded) & ~numpy.isinf(array)).any():
        what = f"tensor {name} holds numbers that are too large for {config.dtype}"
        raise TargetLacks(what, what=what, tensor=name)
    return rounded
