"""Configurations that hold few neighbours, structures that have many, and a count of these by hand."""

from __future__ import annotations

import dataclasses
from itertools import product

import numpy as np

from dpa2 import config as settings
from dpa2 import testing
from dpa2.data import Frame
from dpa2.structures.system import System

SMALL = testing.small_config()
DENSE = 0.9 * np.indices((3, 3, 3)).reshape(3, -1).T  # 27 atoms, of which the one in the middle has 26 within 1.6 Å


def narrow(repinit: int, three_body: int, repformer: int) -> settings.DPA2Config:
    """The small configuration with other limits."""
    return dataclasses.replace(
        SMALL,
        repinit=dataclasses.replace(SMALL.repinit, max_neighbors=repinit),
        three_body=dataclasses.replace(SMALL.three_body, max_neighbors=three_body),
        repformer=dataclasses.replace(SMALL.repformer, max_neighbors=repformer),
    )


def frame(system: System, name: str = "one") -> Frame:
    return Frame(system, None, None, None, None, None, name)


def by_hand(system: System, cutoff: float) -> list[int]:
    """Neighbours of each atom within the cutoff, by looking at all images within three cells."""
    shifts = product(range(-3, 4), repeat=3) if system.cell is not None else ()
    images = [np.array(shift) @ system.cell for shift in shifts] or [np.zeros(3)]
    places = np.concatenate([system.coordinates + image for image in images])
    distances = np.linalg.norm(places - system.coordinates[:, None], axis=-1)
    return ((distances <= cutoff) & (distances > 0)).sum(axis=1).tolist()
