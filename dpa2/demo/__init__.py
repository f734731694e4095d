"""A small model and a water box that come with the package, and what DeePMD-kit 3.2.0 computes for them.

The weights are random and useless for physics; the box is made up. On the command line: `dpa2 demo`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MODEL = str(Path(__file__).with_name("water.dp"))
STRUCTURE = str(Path(__file__).with_name("water.npz"))
TOLERANCE = 1e-12  # relative to the largest element: what float64 allows two programs to differ by


@dataclass(frozen=True)
class Step:
    """One thing that the demonstration did: what, with which result, and whether that is as it should be."""

    what: str
    result: str
    passed: bool
    deviation: float | None = None


def structure() -> dict[str, np.ndarray]:
    """The water box (coordinates, types, cell in Å) and the reference's energy, forces and virial (eV, Å).

    >>> structure()["forces"].shape
    (192, 3)
    """
    with np.load(STRUCTURE) as arrays:
        return {name: arrays[name] for name in arrays.files}


def run(backend: str = "numpy") -> Iterator[Step]:
    """Load, evaluate, convert there and back, compare: each step when it is done.

    >>> all(step.passed for step in run())
    True
    """
    from ..api import load

    model, box = load(MODEL, backend=backend), structure()
    size = sum(w.size for w in model.checkpoint().weights.values())
    yield Step("load", f"{Path(MODEL).name}: types {', '.join(model.type_map)}, {size} numbers", True)
    out = model.evaluate(box["coordinates"], box["types"], box["cell"])
    yield Step("evaluate", f"{len(box['types'])} atoms of water, periodic, on {backend}", True)
    yield from round_trip(model.checkpoint().digest())
    for name, unit in (("energy", "eV"), ("forces", "eV/Å"), ("virial", "eV"), ("atom_energy", "eV")):
        yield compare(name, unit, model.backend.to_numpy(getattr(out, name)), box[name])


def round_trip(digest: str) -> Iterator[Step]:
    """The model through other formats and back to the first; no bit may change."""
    from ..api import convert

    with tempfile.TemporaryDirectory() as folder:
        source = MODEL
        for suffix in (".safetensors", ".yaml", ".dp"):
            target = str(Path(folder) / f"water{suffix}")
            found = convert(source, target)
            words = f"{Path(source).suffix} → {suffix}, {found[:19]}…"
            yield Step("convert", words, found == digest)
            source = target


def compare(name: str, unit: str, found, expected) -> Step:
    """One result beside the reference's."""
    found, expected = np.asarray(found).ravel(), np.asarray(expected).ravel()
    deviation = float(np.max(np.abs(found - expected)) / np.max(np.abs(expected)))
    words = f"{name}: largest element {np.max(np.abs(expected)):.6g} {unit}"
    return Step("compare", words, deviation <= TOLERANCE, deviation)
