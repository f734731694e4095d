"""Marks of slots that hold a neighbour, for mistakes that leave out the switch, which can be 0 for neighbours, too."""

from __future__ import annotations

import dataclasses

import numpy as np

from ...descriptor.features import Features
from ...descriptor.weighting import Smooth
from .cause import swap

TRACE = 1e-18  # this is added to the switch of neighbours, so that it is not 0; rounding removes it from most values


class Kept(Smooth):
    """A weighting in which the switch of neighbours is never 0, so that only empty slots have 0."""

    def switch_vjp(self, switch, occupied):
        return (switch + TRACE) * occupied, None


kept = swap(Smooth, Kept)


def unswitched(x: Features) -> Features:
    """Return features in which the switch of every neighbour is 1."""
    return dataclasses.replace(x, switch=(x.switch != 0.0).astype(x.switch.dtype))


def all_alike(x: Features) -> Features:
    """Return features in which the switch of every slot is 1, that of empty ones included."""
    return dataclasses.replace(x, switch=np.ones_like(x.switch))
