"""Two small models that come with the package, with the results of DeePMD-kit 3.2.0 for them.

`WATER` is trained on energies, forces and virials of GFN2-xTB (`examples/water_xtb` makes the data, trains and tests
it). It imitates GFN2-xTB for water near 300 K and 1 g/cm³, and is good for showing and trying things, not for research.
Its weights are float32; the results of DeePMD-kit are of the same weights in float64. `trained_water.json` has its
digest. On the command line: `dpa2 demo`.

`MODEL` has random weights, every term that there is, and no physical meaning: the tests take it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

WATER = str(Path(__file__).with_name("trained_water.dp"))  # path of the trained model
RESULTS = str(Path(__file__).with_name("trained_water.npz"))  # path of structures and DeePMD-kit's results for them
MODEL = str(Path(__file__).with_name("water.dp"))  # path of the model with random weights
STRUCTURE = str(Path(__file__).with_name("water.npz"))  # path of a water box and the results of that model for it
TOLERANCE = 1e-12  # largest deviation that passes, relative to the largest element of a tensor


@dataclass(frozen=True)
class Step:
    """One step of the demonstration: its kind, its result in words, whether it passed, its deviation if compared."""

    what: str
    result: str
    passed: bool
    deviation: float | None = None


def structure() -> dict[str, np.ndarray]:
    """Return a water box (coordinates and cell in Å, types) and the results of DeePMD-kit with `MODEL` (eV, eV/Å).

    >>> structure()["forces"].shape
    (192, 3)
    """
    with np.load(STRUCTURE) as arrays:
        return {name: arrays[name] for name in arrays.files}


def structures() -> dict[str, dict[str, np.ndarray]]:
    """Return structures by name, each as `structure` has them, with the results of DeePMD-kit with `WATER`.

    The molecule and the cluster have no cell. None of them was trained on.

    >>> {name: len(found["types"]) for name, found in structures().items()}
    {'molecule': 3, 'cluster': 18, 'box': 48}
    """
    found: dict[str, dict[str, np.ndarray]] = {}
    with np.load(RESULTS) as arrays:
        for key in arrays.files:
            name, what = key.split("/")
            found.setdefault(name, {})[what] = arrays[key]
    return found


def run(backend: str = "numpy") -> Iterator[Step]:
    """Load, evaluate, convert there and back, and compare; yield each step when it is done.

    >>> all(step.passed for step in run())
    True
    """
    from ..api import load

    model, box = load(WATER, backend=backend, dtype="float64"), structures()["box"]
    yield Step("load", f"{Path(WATER).name}, types {', '.join(model.type_map)}", True)
    out = model.evaluate(box["coordinates"], box["types"], box["cell"])
    yield Step("evaluate", f"{len(box['types'])} atoms of water on {backend}", True)
    yield from round_trip(load(WATER).checkpoint().digest())
    for name, unit in (("energy", "eV"), ("forces", "eV/Å"), ("virial", "eV"), ("atom_energy", "eV")):
        yield compare(name, unit, model.backend.to_numpy(getattr(out, name)), box[name])


def round_trip(digest: str) -> Iterator[Step]:
    """Convert the model to other formats and back; a step passes if no bit has changed."""
    from ..api import convert

    with tempfile.TemporaryDirectory() as folder:
        source = WATER
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
