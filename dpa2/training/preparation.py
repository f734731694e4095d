"""The preparation of a fresh model by its data before the first step: statistics and the energy of each type.

`start.with_data` prepares the models of a script. Source: sections 6.2 and 6.3 of the specification of training.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..model.model import Model
from ..model.parameter_statistics import SMALLEST
from ..structures.datasets import Frame
from .data.feed import Feed
from .data.sampler import Seed, first_frames
from .statistics import statistics_of, with_statistics


def sampled_frames(feed: Feed, batches: int, seed: Seed) -> list[Frame]:
    """Return the frames that statistics are taken from: at most so many batches of each system.

    Frames that a training leaves out because two atoms are too close are left out here, too. All of a system's frames
    are taken where it has no more batches than that; otherwise a choice by chance.
    """
    rows = first_frames(feed.source.sampler, batches, seed)
    return [
        system.frame(row)
        for number, (system, own) in enumerate(zip(feed.source.systems, rows, strict=True))
        for row in own
        if not feed.too_close(number, row)
    ]


def prepared(model: Model, frames: Sequence[Frame], smallest: float = SMALLEST) -> Model:
    """Return a fresh model with the statistics of its environments and parameters, and with its output bias.

    smallest: the least deviation of parameters (`data_stat_protect`).

    Raises `InputError` if there are no frames, or none with an energy.
    """
    return with_statistics(model, statistics_of(model, frames, smallest))
