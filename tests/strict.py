"""A back end on array-api-strict: what runs here uses nothing but the array-API standard."""

from __future__ import annotations

import dataclasses

import array_api_strict as xp

from dpa2.backends.standard import Standard
from dpa2.model.model import Model
from dpa2.model.placement import moved


def Strict() -> Standard:
    """Arrays of array-api-strict, in memory."""
    return Standard("strict", xp)


def on(model: Model, backend) -> Model:
    """The same model on a back end that is an object, not a name."""
    weights = moved(model.weights, model.backend, backend, model.config, {})
    return dataclasses.replace(model, weights=weights, backend=backend)
