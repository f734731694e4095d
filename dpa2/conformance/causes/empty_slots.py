"""Mistakes in the contributions of empty slots (specification section 9)."""

from __future__ import annotations

import numpy as np

from ...descriptor.environment import Environment
from ...descriptor.weighting import Smooth
from .attention import BOTH, LOCAL, PAIR
from .cause import Cause, Change, chain, each, fields, swap
from .neighbors import kept


class NeighborsAlone(Smooth):
    """A softmax over the slots that hold a neighbour only."""

    def logits_vjp(self, weight):
        (factor, offset), pull = super().logits_vjp(weight)
        return (factor, np.where(weight != 0.0, offset, -1e30)), pull

    def phantoms(self, width):
        return 0


class SlotsTwice(Smooth):
    """A softmax that adds as many empty slots as the model has slots in all."""

    def phantoms(self, width):
        return self.max_neighbors


def neighbors_alone(kind) -> Change:
    """Return the change that leaves empty slots out of a kind of attention."""
    return chain(kept, each(kind, swap(Smooth, NeighborsAlone)))


CAUSES = (
    Cause(
        "empty-slots-missing",
        "repinit: empty slots do not carry -davg/dstd",
        "9.1, trap T3",
        weights=each(Environment, fields(has_mean=False)),
    ),
    Cause(
        "phantoms-missing",
        "slots without a neighbour take no part in the softmax",
        "9.5, trap T1",
        weights=neighbors_alone(BOTH),
    ),
    Cause(
        "phantoms-missing-local",
        "local attention alone: slots without a neighbour take no part in the softmax",
        "9.5, trap T1",
        weights=neighbors_alone(LOCAL),
    ),
    Cause(
        "phantoms-missing-pair",
        "pair attention alone: slots without a neighbour take no part in the softmax",
        "9.5, trap T1",
        weights=neighbors_alone(PAIR),
    ),
    Cause(
        "phantoms-counted-twice",
        "all slots, not the empty ones alone, are added to the softmax",
        "9.5",
        weights=swap(Smooth, SlotsTwice),
    ),
)
