"""The reference cases and samples: models, structures, and what DeePMD-kit computed for them (tests/data)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from strict import Strict, on

import dpa2
from dpa2.batching.plan import LISTS, ChunkShape
from dpa2.structures.system import System

DATA = Path(__file__).parent / "data"
CASES = tuple(sorted(path.stem for path in (DATA / "cases").glob("*.dp")))
TRACES = tuple(sorted(path.stem for path in (DATA / "cases" / "traces").glob("*.npz")))
COMPILED = ("base", "first_layer_skip", "float32", "model_exclude", "sel_binding")  # on JAX; the first for its own sake
ONE_CHUNK = ChunkShape(size=136, step=8, uniform=LISTS, filled=True)  # the frames of a case fit into it


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
    parameters = found.pop("fparam", None), found.pop("aparam", None)
    return Frame(System(found.pop(coordinates), found.pop("types"), cell, *parameters), found)


@cache
def load(case: str, library: str = "numpy") -> dpa2.Model:
    """The model of a case; on JAX with equal chunks, and mostly without compilation of functions, which takes 10 s.

    Single operations are compiled nevertheless, for each shape of arrays. Cases that share no shapes with others are
    compiled as a whole, because that is faster; the base case with chunks as they are.
    """
    model = moved(dpa2.load(DATA / "cases" / f"{case}.dp"), library)
    if library != "jax" or case == "base":
        return model
    return on(model, (model.backend if case in COMPILED else model.backend.uncompiled()).with_shape(ONE_CHUNK))


def moved(model: dpa2.Model, library: str, dtype: str | None = None) -> dpa2.Model:
    """The model on a library that does everything itself: NumPy does not help PyTorch out."""
    model = model.to(library, dtype=dtype)
    return on(model, model.backend.uncompiled()) if library == "torch" else model


def strict(model: dpa2.Model) -> dpa2.Model:
    """The model on array-api-strict."""
    return on(model, Strict())


def host(model: dpa2.Model, array) -> np.ndarray:
    """An array of a model's library as one of NumPy."""
    return np.asarray(model.backend.to_numpy(array))
