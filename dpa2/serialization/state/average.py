"""The moving average of parameters in a checkpoint, under the names that PyTorch's modules give them.

Each head has all of its parameters there, those that it shares included. Measured on checkpoints of DeePMD-kit 3.2.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy

from ...errors import FormatError, shorten
from .adam import Places, finite
from .parameters import numbered

ALONE = "model.Default."  # beginning of the names of a single model
HEADS = "model."  # what stands before the name of a head


@dataclass(frozen=True)
class Average:
    """A moving average of parameters: of each head, by the names of its tensors, and the share that a step keeps."""

    tensors: Mapping[str | None, Mapping[str, numpy.ndarray]]
    decay: float


def read_average(entry: Any, state: dict[str, numpy.ndarray], places: Mapping[str | None, Places]) -> Average | None:
    """Return the moving average of a checkpoint; None if it has none.

    Raises `FormatError` for one that does not fit the model in `state`.
    """
    if entry is None:
        return None
    arrays, decay = (entry.get(key) for key in ("model", "decay")) if isinstance(entry, dict) else (None, None)
    if not isinstance(arrays, dict) or not isinstance(decay, float) or not 0 <= decay <= 1:
        raise FormatError(f"its moving average is {shorten(entry)}, not parameters and a decay", key="ema")
    parameters = numbered(state)
    tensors: dict[str | None, dict[str, numpy.ndarray]] = {}
    for head, own in places.items():
        found = tensors.setdefault(head, {})
        for name, place in own.items():
            if name in parameters:
                found |= finite(place.read(arrays.get(short(name))), f"the moving average of {name}")
    return Average(tensors, decay)


def average_to_dict(average: Average, state: dict[str, numpy.ndarray], places: Mapping[str | None, Places]) -> dict:
    """Return the inverse of `read_average`: the average of what is trained, and other parameters as they are."""
    arrays = {short(name): state[name] for name in numbered(state)}
    for head, own in places.items():
        tensors = dict(average.tensors.get(head, {}))
        averaged = {name: place for name, place in own.items() if place.names and set(place.names) <= set(tensors)}
        arrays |= {short(name): place.write(tensors) for name, place in averaged.items()}
    return {"decay": average.decay, "model": arrays, "validation_state": {}}


def short(name: str) -> str:
    """Return the name of a parameter in a moving average, from its full name."""
    return name.removeprefix(ALONE if name.startswith(ALONE) else HEADS)
