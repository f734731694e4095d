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
