"""The reference's losses: predictions and labels, losses, errors and gradients (tests/data/training_steps)."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np

from dpa2.training.losses import Labels, Loss, Predictions
from dpa2.training.script.loss import loss_settings

FOLDER = Path(__file__).parents[2] / "data" / "training_steps"
LABELS = {  # names of the data, and ours
    "energy": "energy",
    "force": "forces",
    "virial": "virial",
    "atom_ener": "atom_energy",
    "atom_pref": "force_weights",
    "drdq": "generalized",
    "atom_ener_coeff": "energy_coefficients",
}
SHAPES = {"energy": (4,), "force": (4, 6, 3), "virial": (4, 3, 3), "atom_energy": (4, 6), "atom_ener": (4, 6)}
SHAPES |= {"drdq": (4, 6, 3, 2), "atom_ener_coeff": (4, 6)}


@cache
def arrays() -> dict[str, np.ndarray]:
    return dict(np.load(FOLDER / "loss_cases.npz"))


@cache
def cases() -> dict[str, dict]:
    return json.loads((FOLDER / "loss_cases.json").read_text())


def loss_of(case: dict, **options) -> Loss:
    """The loss that a case describes."""
    return Loss(loss_settings(case["config"]), **options)


def predictions(frames: str) -> Predictions:
    """What the model of the cases predicted."""
    names = "energy", "force", "virial", "atom_energy"
    return Predictions(*(arrays()[f"{frames}/pred/{name}"].reshape(SHAPES[name]) for name in names))


def labels(case: dict) -> Labels:
    """The labels of a case, without those that were not found; default weights of forces are not 1 in these cases."""
    kept = ["atom_pref"] if case["config"].get("use_default_pf") else []
    found = [name for name in LABELS if case["find"].get(name, 1.0) or name in kept]
    return Labels(**{LABELS[name]: label(case["frames"], name) for name in found})


def label(frames: str, name: str) -> np.ndarray:
    given = arrays()[f"{frames}/label/{name}"]
    if name != "atom_pref":
        return given.reshape(SHAPES[name])
    assert (given == given[..., :1]).all()  # the reference repeats the weight of an atom for each component
    return given[..., 0]


def real(frames: str) -> np.ndarray:
    """1 for slots that hold an atom."""
    return (arrays()[f"{frames}/atype"] >= 0).astype(float)
