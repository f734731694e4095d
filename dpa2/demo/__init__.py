"""A small model and a water box that come with the package, with the results of DeePMD-kit 3.2.0 for them.

The weights are random, so the model has no physical meaning. On the command line: `dpa2 demo`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MODEL = str(Path(__file__).with_name("water.dp"))  # path of the model file
STRUCTURE = str(Path(__file__).with_name("water.npz"))  # path of the water box and the results for it
TOLERANCE = 1e-12  # largest deviation that passes, relative to the largest element of a tensor


@dataclass(frozen=True)
class Step:
    """One step of the demonstration: its kind, its result in words, whether it passed, its deviation if compared."""

    what: str
    result: str
    passed: bool
    deviation: float | None = None


def structure() -> dict[str, np.ndarray]:
    """Return the water box (coordinates and cell in Å, types) and the results of DeePMD-kit (eV, eV/Å).

    >>> structure()["forces"].shape
    (192, 3)
    """
    with np.load(STRUCTURE) as arrays:
        return {name: arrays[name] for name in arrays.files}


def run(backend: str = "numpy") -> Iterator[Step]:
    """Load, evaluate, convert there and back, and compare; yield each step when it is done.

    >>> all(step.passed for step in run())
    True
    """
    from ..api import load

    model, box = load(MODEL, backend=backend), structure()
    yield Step("load", f"{Path(MODEL).name}, types {', '.join(model.type_map)}", True)
    out = model.evaluate(box["coordinates"], box["types"], box["cell"])
    yield Step("evaluate", f"{len(box['types'])} atoms of water on {backend}", True)
    yield from round_trip(model.checkpoint().digest())
    for name, unit in (("energy", "eV"), ("forces", "eV/Å"), ("virial", "eV"), ("atom_energy", "eV")):
        yield compare(name, unit, model.backend.to_numpy(getattr(out, name)), box[name])


def round_trip(digest: str) -> Iterator[Step]:
    """Convert the model to other formats and back; a step passes if no bit has changed."""
    from ..api import convert

    with tempfile.TemporaryDirectory() as folder:
        source = MODEL
        for suffix in (".safetensors", ".yaml", ".dp"):
            target = str(Path(folder) / f"water{suffix}")
            found = convert(source, target)
            yield Step("convert", f"{Path(source).suffix} → {suffix}", found == digest)
            source = target


def compare(name: str, unit: str, found: np.ndarray, expected: np.ndarray) -> Step:
    """Return the step that compares one result with that of DeePMD-kit."""
    found, expected = np.asarray(found).ravel(), np.asarray(expected).ravel()
    deviation = float(np.max(np.abs(found - expected)) / np.max(np.abs(expected)))
    largest = f"{found[np.argmax(np.abs(found))]:.6g} {unit}"
    words = f"{name}: {largest}" if found.size == 1 else f"{name}: largest {largest}"
    return Step("compare", words, deviation <= TOLERANCE, deviation)
