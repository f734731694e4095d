"""Errors of every intermediate in a lower precision.

A structure is traced twice, in float64 and in the lower precision, on the same neighbour lists. Weights are those of
the file, rounded. Empty slots are left out, because their values have no meaning (conventions of the trace table,
specification section 19).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from ..backends import NAMES, backend
from ..config import ENERGY
from ..errors import BackendError, InputError, MissingDependency
from ..model.model import Model
from ..model.preparation import check_system
from ..structures.system import System
from ..tracing.intermediates import row
from ..tracing.masks import meaningful, occupied_slots
from ..tracing.trace import trace

UNIT_ROUNDOFF = {"float32": 2.0**-24, "bfloat16": 2.0**-8}  # largest relative change of a number when it is rounded
SAME = ("nlist/", "repinit/diff")  # intermediates that are computed in float64 in any precision, not compared


@dataclass(frozen=True)
class TensorError:
    """The error of one intermediate in the lower precision.

    Attributes
    ----------
    name
        Its name in the trace table.
    error
        Largest deviation, relative to the largest entry of the tensor in the same frame; the worst of all frames.
    frame
        Name of that frame.
    largest
        Largest entry of the tensor there, in its own unit; of energies without the output bias, which is exact.
    deviation
        Largest deviation of all frames, in the tensor's own unit.
    per_atom
        The same divided by the number of atoms of the frame.
    """

    name: str
    error: float
    frame: str
    largest: float
    deviation: float = 0.0
    per_atom: float = 0.0

    def with_larger(self, other: TensorError) -> TensorError:
        """Return the errors of two frames together: the worse relative error, and the larger deviations."""
        worse = self if other.error <= self.error else other
        return replace(
            worse, deviation=max(self.deviation, other.deviation), per_atom=max(self.per_atom, other.per_atom)
        )


@dataclass(frozen=True)
class Growth:
    """The largest growth of the error from one intermediate to a later one.

    Attributes
    ----------
    before
        The intermediate with the largest error of all that are computed before `name`.
    name
        The intermediate at which the error grows.
    factor
        Ratio of the two errors.
    """

    before: str
    name: str
    factor: float


def lower_backend(dtype: str) -> str:
    """Return the first back end of the table that computes in a precision and is installed.

    Raises `InputError` for an unknown precision, `MissingDependency` if no installed library has it.
    """
    if dtype not in UNIT_ROUNDOFF:
        raise InputError(f"dtype = {dtype!r}: must be one of {', '.join(UNIT_ROUNDOFF)}", argument="dtype", dtype=dtype)
    missing: MissingDependency | None = None
    for name in NAMES:
        try:
            backend(name).asarray(np.zeros(1), dtype)
        except BackendError:
            continue
        except MissingDependency as error:
            missing = missing or error
        else:
            return name
    raise missing or InputError(f"no library computes in {dtype}", argument="dtype", dtype=dtype)


def survey_precision(
    exact: Model, lower: Model, systems: Iterable[System], neighbors: str = "strict"
) -> list[TensorError]:
    """Return the error of each intermediate in order of computation, the worst of all structures.

    Parameters
    ----------
    exact, lower
        The same model in float64 and in the lower precision.
    systems
        The structures.
    neighbors
        "strict" or "truncate", as for `Model.evaluate`.

    Raises
    ------
    InputError
        There are no structures; and all errors of `Model.evaluate`.

    Examples
    --------
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
            worst[found.name] = worst.get(found.name, found).with_larger(found)
    if not worst:
        raise InputError("there are no structures to compare", argument="structures")
    return list(worst.values())


def tensor_errors(exact: Model, lower: Model, system: System, neighbors: str, frame: str) -> Iterable[TensorError]:
    """Yield the error of each intermediate on one structure; virtual atoms are left out."""
    system = check_system(exact.config, system)
    one, other = (trace(m, system, neighbors=neighbors) for m in (exact, lower))
    slots = occupied_slots(one, system.types, exact.config.excluded_pairs)
    real = system.types >= 0
    energies = without_bias(exact, system.types, one["atom_energy"]) if exact.kind == ENERGY else {}
    for name, expected in one.items():
        if name.startswith(SAME):
            continue
        used = meaningful(name, expected.shape, slots)
        if row(name).axes.startswith("atom"):
            used = used & real.reshape(-1, *[1] * (expected.ndim - 1))
        difference, scale = (x[used] for x in (other[name] - expected, energies.get(name, expected)))
        largest = float(np.abs(scale).max(initial=0.0))
        deviation = float(np.abs(difference).max(initial=0.0))
        per_atom = deviation / max(1, int(real.sum()))
        yield TensorError(name, deviation / (largest or 1.0), frame, largest, deviation, per_atom)


def without_bias(model: Model, types: np.ndarray, atom_energy: np.ndarray) -> dict[str, np.ndarray]:
    """Return atomic energies and energy without the output bias, which would hide the error of the rest."""
    counted = (types >= 0) & ~np.isin(types, model.config.excluded_types)
    bias = model.backend.to_numpy(model.state_dict()["bias"])[np.maximum(types, 0)]
    rest = np.where(counted[:, None], atom_energy - bias[:, None], 0.0)
    return {"atom_energy": rest, "energy": rest.sum(axis=0)}


def largest_growth(errors: list[TensorError], dtype: str) -> Growth:
    """Return the intermediate at which the error exceeds all errors before it by the largest factor.

    Errors smaller than the rounding of one number are replaced by that rounding.
    """
    most, before, found = UNIT_ROUNDOFF[dtype], "the rounding of one number", Growth("", "", 0.0)
    for tensor in errors:
        if not tensor.error / most <= found.factor:
            found = Growth(before, tensor.name, tensor.error / most)
        if not tensor.error <= most:
            most, before = tensor.error, tensor.name
    return found
