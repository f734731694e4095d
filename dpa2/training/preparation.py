"""The frames from which statistics are taken before the first step; `dpa2.training.start.with_data` takes them.

Source: section 6.2 of the specification of training.
"""

from __future__ import annotations

from ..structures.datasets import Frame
from .data.feed import Feed
from .data.sampler import Seed, first_frames


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
