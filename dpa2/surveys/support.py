"""The table of what each back end does in each precision, found by doing it with one small model.

Errors are relative to the largest entry, against NumPy in float64, whose own agreement with the reference is shown by
the demonstration.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from .. import demo, serialization
from ..api import load, save
from ..backends import NAMES
from ..backends.eager import Eager
from ..dtypes import NAMES as PRECISIONS
from ..errors import DPA2Error, MissingDependency
from ..model.model import Model
from ..serialization.casting import cast
from ..serialization.inventory import places
from ..structures.system import System

WATER = System([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], ["O", "H", "H"])
PAIR = System([[0, 0, 0], [0, 0, 1.1]], ["O", "H"])
Result = TypeVar("Result")
STEP = 1e-6  # of the difference quotient by weights, relative to their size


@dataclass(frozen=True)
class Cell:
    """The outcome of one feature on one back end in one precision.

    error: against NumPy in float64, relative to the largest entry; None where there is nothing to compare.
    said: "yes", or why not.
    """

    library: str
    dtype: str
    feature: str
    error: float | None
    said: str


def support(libraries: Sequence[str] = NAMES, dtypes: Sequence[str] = PRECISIONS) -> Iterator[Cell]:
    """The cells of the table, one after another, as they are found."""
    exact = load(demo.MODEL)
    for library in libraries:
        for dtype in dtypes:
            model, missing = tried(partial(load, demo.MODEL, backend=library, dtype=dtype))
            for feature, check in FEATURES.items():
                error, said = tried(partial(check, model, exact)) if model is not None else (None, missing)
                yield Cell(library, dtype, feature, error, said)


def tried(action: Callable[[], Result]) -> tuple[Result | None, str]:
    """Return the result of an action and "yes", or None and the reason why there is none."""
    try:
        return action(), "yes"
    except MissingDependency:
        return None, "not run here"
    except (DPA2Error, NotImplementedError) as refused:
        return None, str(refused).split(";")[0].split(". ")[0]


def difference(model: Model, found: Any, expected: Any) -> float:
    """The largest deviation, relative to the largest entry."""
    one, other = model.backend.to_numpy(found).astype(float), np.asarray(expected, float)
    return float(np.abs(one - other).max() / np.abs(other).max())


def result(name: str) -> Callable[[Model, Model], float]:
    """The check of one field of an evaluation of water."""

    def check(model: Model, exact: Model) -> float:
        found, expected = (m.evaluate_many([WATER], atom_virial=True)[0] for m in (model, exact))
        return difference(model, getattr(found, name), getattr(expected, name))

    return check


def hessian(model: Model, exact: Model) -> float:
    """The error of second derivatives; NumPy's own are good to 1e-9."""
    return difference(model, model.hessian(WATER), exact.hessian(WATER))


def batched(model: Model, exact: Model) -> float:
    """The error of the forces of two systems of different sizes that are evaluated together."""
    _, found = model.evaluate_many([WATER, PAIR])
    return difference(model, found.forces, exact.evaluate(PAIR).forces)


def by_weights(model: Model, exact: Model) -> float:
    """The error of the slope of the energy along a random direction of the weights."""
    gradient = BY_WEIGHTS.get(model.backend.name, refuse_gradient)(model)
    generator, state = np.random.default_rng(0), exact.checkpoint().weights
    along = {name: generator.normal(size=state[name].shape) for name in gradient}

    def energy(step: float) -> float:
        moved = state | {name: state[name] + step * along[name] for name in along}
        return float(exact.with_state(moved).evaluate(WATER).energy)

    slope = sum(float((np.asarray(gradient[name], float) * along[name]).sum()) for name in along)
    expected = (energy(STEP) - energy(-STEP)) / (2 * STEP)
    return abs(slope - expected) / abs(expected)


def by_torch(model: Model) -> dict[str, np.ndarray]:
    """The gradient of the energy by the weights on PyTorch."""
    module = model.as_module()
    module(model.prepare_systems([WATER]))[0].energy.backward()
    trained = {name: p.grad for name, p in module.named_parameters() if p.grad is not None}
    return {name: model.backend.to_numpy(gradient) for name, gradient in trained.items()}


def by_jax(model: Model) -> dict[str, np.ndarray]:
    """The gradient of the energy by the weights on JAX, without those that are not trained, whose gradient is zero."""
    from ..backends.pytrees import gradient

    weights, function = model.as_pytree()
    prepared = model.prepare_systems([WATER])
    slopes = gradient(lambda tree: function(tree, prepared)[0].energy, weights)
    found, kinds = replace(model, weights=slopes).state_dict(), places(model.config)
    return {name: model.backend.to_numpy(x) for name, x in found.items() if kinds[name].kind == "parameter"}


def refuse_gradient(model: Model) -> dict[str, np.ndarray]:
    """Say that a library differentiates nothing."""
    raise NotImplementedError(f"{model.backend.name} does not differentiate by weights")


BY_WEIGHTS = {"torch": by_torch, "jax": by_jax}


def compiled(model: Model, exact: Model) -> None:
    """Whether functions are compiled; a back end that runs operation by operation says so."""
    if isinstance(model.backend, Eager):
        raise NotImplementedError("operation by operation")


def read(model: Model, exact: Model) -> None:
    """Whether the model is loaded at all, with the weights of the file in its precision."""
    wanted = cast(serialization.read(demo.MODEL), model.config.dtype)
    if model.checkpoint().digest() != wanted.digest():
        raise NotImplementedError("other weights than those of the file")


def written(model: Model, exact: Model) -> None:
    """Whether a written model reads back as the same."""
    with tempfile.TemporaryDirectory() as folder:
        save(model, Path(folder, "model.safetensors"))
        if serialization.read(Path(folder, "model.safetensors")).digest() != model.checkpoint().digest():
            raise NotImplementedError("reads back as another model")


def with_ase(model: Model, exact: Model) -> float:
    """The error of the forces of the calculator of ASE."""
    from ..errors import require

    ase = require("ase", "ase")
    from ..interfaces.ase import DPA2

    atoms = ase.Atoms(["O", "H", "H"], WATER.coordinates, calculator=DPA2(model))
    expected = np.asarray(exact.evaluate(WATER).forces)
    return float(np.abs(atoms.get_forces() - expected).max() / np.abs(expected).max())


FEATURES: dict[str, Callable[[Model, Model], float | None]] = {
    "energy": result("energy"),
    "forces": result("forces"),
    "virial": result("virial"),
    "per-atom virial": result("atom_virial"),
    "Hessian": hessian,
    "derivatives by weights": by_weights,
    "batched": batched,
    "compiled": compiled,
    "read": read,
    "written": written,
    "ASE": with_ase,
}
