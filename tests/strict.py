"""A back end on array-api-strict: what runs here uses nothing but the array-API standard."""

from __future__ import annotations

import dataclasses

import array_api_strict as xp
import numpy as np

from dpa2.backends.eager import Eager
from dpa2.backends.numpy import NumPy
from dpa2.batching.plan import ChunkShape
from dpa2.model.model import Model
from dpa2.model.placement import moved


class Strict(Eager):
    """Arrays of array-api-strict, in memory."""

    name = "strict"
    device = "cpu"
    shape = ChunkShape(size=32)
    derivatives = NumPy.derivatives

    def asarray(self, x, dtype: str | None = None):
        """A NumPy array as an array of the library."""
        if hasattr(x, "__array_namespace__") and not isinstance(x, np.ndarray | np.generic):
            return x if dtype is None else xp.astype(x, getattr(xp, dtype))
        return xp.asarray(np.asarray(x, dtype=dtype))

    def to_numpy(self, x) -> np.ndarray:
        return np.asarray(x)

    def wide(self) -> str:
        return "float64"

    @staticmethod
    def sum_into_rows(values, rows, count: int):
        """Sums are the one thing that the standard has no word for."""
        sums = np.zeros((count, *values.shape[1:]))
        np.add.at(sums, np.asarray(rows), np.asarray(values))
        return xp.asarray(sums)


def on(model: Model, backend) -> Model:
    """The same model on a back end that is an object, not a name."""
    weights = moved(model.weights, model.backend, backend, model.config, {})
    return dataclasses.replace(model, weights=weights, backend=backend)
