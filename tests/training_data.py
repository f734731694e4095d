"""Data folders of the tests of training: those of the reference, and small ones that are made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from references import DATA

from dpa2 import testing

TRAINING = DATA / "training"
FOLDERS = {name: TRAINING / "data" / name for name in ("sysA", "sysB", "mixC")}
TYPES = ("O", "H")
CONFIG = testing.small_config()
GRID = np.array([[0, 0, 0], [1.5, 0, 0], [0, 1.5, 0], [0, 0, 1.5], [1.5, 1.5, 0]])


def write_folder(place: Path, types=(0, 1, 1), frames: int = 4, seed: int = 0, sets: int = 1, **arrays) -> Path:
    """A standard system of scattered atoms; an array of None leaves its file out."""
    place.mkdir(parents=True)
    (place / "type.raw").write_text("\n".join(map(str, types)))
    (place / "type_map.raw").write_text("O\nH\n")
    (place / "nopbc").touch()
    generator = np.random.default_rng(seed)
    grid = (GRID if len(types) <= len(GRID) else 1.5 * np.array(list(np.ndindex(3, 3, 3))))[: len(types)]
    for k in range(sets):
        folder = place / f"set.{k:03d}"
        folder.mkdir()
        usual = {
            "coord": (grid + generator.normal(0, 0.1, (frames, len(types), 3))).reshape(frames, 3 * len(types)),
            "energy": generator.normal(size=frames),
            "force": generator.normal(size=(frames, 3 * len(types))),
        }
        for name, array in {**usual, **arrays}.items():
            if array is not None:
                np.save(folder / f"{name}.npy", array)
    return place
