"""What a lower precision costs, intermediate by intermediate: where the digits of a result are lost.

A structure is traced twice, in float64 and in the lower precision, on the same neighbour lists. Weights are those of
the file, rounded. Slots that hold no neighbour are left out, since what stands there has no meaning (the conventions
of the trace table, specification section 19).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from ..errors import InputError, require
from ..model.model import Model
from ..model.preparation import check_system
from ..structures.system import System
from ..tracing.masks import meaningful, occupied_slots
from ..tracing.trace import trace

UNIT_ROUNDOFF = {"float32": 2.0**-24, "bfloat16": 2.0**-8}  # by which a number may change when it is rounded
SAME = ("nlist/", "repinit/diff")  # made in float64, whatever follows


@dataclass(frozen=True)
class TensorError:
    """One intermediate in the lower precision.

    name: as in the trace table. error: the largest deviation, relative to the largest entry of the tensor in the same
    frame; of all frames the worst. frame: which that is. largest: that entry, in the tensor's own unit.
    """

    name: str
    error: float
    frame: str
    largest: float


@dataclass(frozen=True)
class Growth:
    """Where the error grows most: from the largest of all that was computed before to that of a tensor.

    before, name: the two tensors. factor: how many times as large.
    """

    before: str
    name: str
    factor: float


def lower_backend(dtype: str) -> str:
    """The library that computes in a precision: NumPy where it can, or else PyTorch, or else JAX.

    Raises `InputError` for a precision that is not compared, `MissingDependency` if no library has it.
    """
    if dtype not in UNIT_ROUNDOFF:
        raise InputError(f"dtype {dtype!r}: is one of {', '.join(UNIT_ROUNDOFF)}", argument="dtype", dtype=dtype)
    if dtype != "bfloat16":
        return "numpy"
    installed = [name for name in ("torch", "jax") if find_spec(name) is not None]
    if not installed:
        require("torch", "torch")
    return installed[0]


def survey_precision(exact: Model, lower: Model, systems: Iterable[System], neighbors="strict") -> list[TensorError]:
    """The error of each intermediate in order of computation, the worst of all structures.

    exact, lower: one model in float64 and in the lower precision. neighbors: as for `Model.evaluate`.

    Raises what `Model.evaluate` raises.

    >>> import dpa2
    >>> model = dpa2.load(dpa2.demo.MODEL)
    >>> errors = survey_precision(model, model.to("numpy", dtype="float32"), [dpa2.testing.water_box(8)], "truncate")
    >>> errors[-1].name, 0.0 < max(e.error for e in errors) < 1e-4
    ('atom_virial', True)
    """
    worst: dict[str, TensorError] = {}
    for number, system in enumerate(systems):
        name = system.name or f"structure {number}"
        for found in tensor_errors(exact, lower, system, neighbors, name):
            if found.name not in worst or not found.error <= worst[found.name].error:
                worst[found.name] = found
    if not worst:
        raise InputError("there are no structures to compare", argument="structures")
    return list(worst.values())


def tensor_errors(exact: Model, lower: Model, system: System, neighbors: str, frame: str) -> Iterable[TensorError]:
    """The same of one structure."""
    arguments = {"neighbors": neighbors, "fparam": system.frame_parameters, "aparam": system.atom_parameters}
    one, other = (trace(m, system.coordinates, system.types, system.cell, **arguments) for m in (exact, lower))
    slots = occupied_slots(one, check_system(exact.config, system).types, exact.config.excluded_pairs)
    for name, expected in one.items():
        if name.startswith(SAME):
            continue
        used = meaningful(name, expected.shape, slots)
        difference, expected = (x[used] for x in (other[name] - expected, expected))
        largest = float(np.abs(expected).max(initial=0.0))
        deviation = float(np.abs(difference).max(initial=0.0))
        yield TensorError(name, deviation / (largest or 1.0), frame, largest)


def largest_growth(errors: list[TensorError], dtype: str) -> Growth:
    """The tensor at which the error exceeds all before it by the largest factor.

    Errors below the rounding of a single number count as that: they are not yet an accumulation.
    """
    most, before, found = UNIT_ROUNDOFF[dtype], "the rounding of one number", Growth("", "", 0.0)
    for tensor in errors:
        if not tensor.error / most <= found.factor:
            found = Growth(before, tensor.name, tensor.error / most)
        if not tensor.error <= most:
            most, before = tensor.error, tensor.name
    return found
