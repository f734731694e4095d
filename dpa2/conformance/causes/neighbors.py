"""Which slots hold a neighbour, for mistakes that forget the switch: at the cutoff that is 0 for a neighbour, too."""

from __future__ import annotations

import dataclasses

import numpy as np

from ...descriptor.features import Features
from ...descriptor.weighting import Smooth
from .cause import swap

TRACE = 1e-18  # added to the switch of neighbours: less than rounding of all but the smallest switches


class Kept(Smooth):
    """Neighbours by their switch value, but never by 0, as empty slots count."""

    def switch_vjp(self, switch, occupied):
        return (switch + TRACE) * occupied, None


kept = swap(Smooth, Kept)


def unswitched(x: Features) -> Features:
    """Features in which every neighbour counts as one."""
    return dataclasses.replace(x, switch=(x.switch != 0.0).astype(x.switch.dtype))


def all_alike(x: Features) -> Features:
    """Features in which every slot counts as one, the empty ones included."""
    return dataclasses.replace(x, switch=np.ones_like(x.switch))
