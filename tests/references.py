"""The reference cases and samples: models, structures, and what DeePMD-kit computed for them (tests/data)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from strict import Strict, on

import dpa2
from dpa2.plan import Shape
from dpa2.system import System

DATA = Path(__file__).parent / "data"
CASES = tuple(sorted(path.stem for path in (DATA / "cases").glob("*.dp")))
TRACES = tuple(sorted(path.stem for path in (DATA / "cases" / "traces").glob("*.npz")))
LIBRARIES = ("numpy", "torch", "jax")
QUANTITIES = {"energy": "energy", "forces": "forces", "virial": "virial", "atom_energy": "atom_energy"}


@dataclass(frozen=True)
class Frame:
    """A structure and the reference's results for it, by the names of the data files."""

    system: System
    expected: dict


@cache
def frames(case: str) -> tuple[Frame, ...]:
    """The four frames of a case."""
    data = np.load(DATA / "cases" / f"{case}.npz")
    return tuple(read_frame(data, str(k), "coords") for k in range(4))


def read_frame(data, prefix: str, coordinates: str) -> Frame:
    """What an archive holds under `prefix`/."""
    found = {name.partition("/")[2]: data[name] for name in data.files if name.startswith(f"{prefix}/")}
    cell = found.pop("box", None)
    cell = cell if cell is not None and cell.size else None
    system = System(found.pop(coordinates), found.pop("types"), cell, found.pop("fparam", None), found.pop("aparam", None))
    return Frame(system, found)


@cache
def load(case: str, library: str = "numpy") -> dpa2.Model:
    """The model of a case. On JAX without compilation, in one block that all frames fit into (compiling takes 10 s)."""
    model = dpa2.load(DATA / "cases" / f"{case}.dp", backend=library)
    return uncompiled(model) if library == "jax" else model


def uncompiled(model: dpa2.Model) -> dpa2.Model:
    """A JAX model that runs operation by operation; the operations are compiled once for all models of this size."""
    backend = model.backend.uncompiled()
    backend.shape = Shape(size=136, step=8, uniform=True, filled=True)
    return on(model, backend)


def strict(model: dpa2.Model) -> dpa2.Model:
    """The model on array-api-strict."""
    return on(model, Strict())


def host(model: dpa2.Model, array) -> np.ndarray:
    """An array of a model's library as one of NumPy."""
    return np.asarray(model.backend.to_numpy(array))
