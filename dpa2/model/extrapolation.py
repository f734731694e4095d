"""A warning where atoms are closer than the tables of a compressed model were made for."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from ..neighbors import Neighbors


class ExtrapolationWarning(UserWarning):
    """Atoms are closer than the tables of a compressed model were made for."""


def warn_of_extrapolation(model, lists: Sequence[Neighbors]) -> None:
    """Issue an `ExtrapolationWarning` that says how many neighbours are too close, and the closest of them."""
    tables, limit = model.config.repinit.compression, model.metadata.get("min_distance")
    if tables is None or not tables.intervals or limit is None:
        return
    distances = [found.distance[found.index >= 0] for found in lists]
    close = np.concatenate([d[d < limit] for d in distances])
    if len(close):
        warnings.warn(
            f"{len(close) // 2} pairs of atoms are closer than {limit:.4g} Å, the closest {close.min():.4g} Å: the "
            "tables of this compressed model are coarse there; use the model from before its compression",
            ExtrapolationWarning,
            stacklevel=3,
        )
