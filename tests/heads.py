"""Models of heads beside the energy, with what the reference computes for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dpa2.model.model import Model

HEADS = Path(__file__).parent / "data" / "heads"
NAMES = {  # of the reference's numbers and of ours, for the value of the system and for those of its atoms
    "property": (("band_prop", "gap"), ("atom_band_prop", "atom_gap"), "property", "atom_property"),
    "dos": (("dos",), ("atom_dos",), "dos", "atom_dos"),
    "dipole": (("global_dipole",), ("dipole",), "dipole", "atom_dipole"),
    "polarizability": (("global_polar",), ("polar",), "polarizability", "atom_polarizability"),
}
SAMPLES = sorted(path.stem for path in HEADS.glob("*.dp") if not path.stem.startswith("other_"))
ONE_OF_EACH = ("property_excluded", "dos", "drawn_dipole", "drawn_polar", "drawn_polar_diagonal")


def sample(stem: str) -> tuple[dict, dict[str, np.ndarray]]:
    """Return the structure of a sample, as `evaluate` takes it, and the reference's numbers by their names."""
    with np.load(HEADS / f"{stem}.npz") as file:
        found = {name: file[name] for name in file.files}
    structure = {name: found.pop(name) for name in ("coordinates", "types", "cell")}
    return structure, found


def expected(model: Model, numbers: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the reference's numbers under our names."""
    whole, atoms, *ours = NAMES[model.kind]
    theirs = (next(name for name in names if name in numbers) for names in (whole, atoms))
    return {name: numbers[other] for name, other in zip(ours, theirs, strict=True)}
