"""The type embedding (specification section 4), for a few elements."""

from __future__ import annotations

import numpy as np

from .pieces import activation, dense

ORBITALS = (1, 1, 3, 1, 3, 5, 1, 3, 5, 7, 1, 3, 5, 7, 1, 3, 5, 1, 3)  # of the subshells from 1s to 7p
ELECTRONS = {"H": (1,), "C": (2, 2, 2), "N": (2, 2, 3), "O": (2, 2, 4)}
EMPTY, SINGLE, DOUBLE = (-1, -1), (-1, 1), (1, 1)


def configuration(symbol: str) -> np.ndarray:
    """Two numbers for each orbital of an element (section 4.1)."""
    numbers: list[int] = []
    for k, orbitals in enumerate(ORBITALS):
        electrons = (*ELECTRONS[symbol], *[0] * len(ORBITALS))[k]
        double = max(0, electrons - orbitals)
        single = electrons - 2 * double
        for number, state in ((double, DOUBLE), (single, SINGLE), (orbitals - double - single, EMPTY)):
            numbers += number * state
    return np.array(numbers) / np.sqrt(118)


def type_table(config, weights, wrong: str = "") -> np.ndarray:
    """E, a row for each type and one of zeros."""
    symbols = config["types"]
    e = np.array([configuration(s) for s in symbols]) if config["electron_configuration"] else np.eye(len(symbols))
    wrong = "no skip" if wrong == "no skip of types" else wrong
    rows = dense(e, weights, "descriptor.type_embedding", activation("linear"), wrong)
    return np.concatenate([rows, np.zeros_like(rows[:1])])
