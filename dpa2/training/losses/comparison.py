"""The arguments of every term of a loss, and its result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ...nn.arrays import Array
from .arrays import Labels, Predictions
from .settings import LossSettings
from .sizes import Sizes


@dataclass(frozen=True)
class Comparison:
    """Predictions beside labels, with the sizes of the batch."""

    settings: LossSettings
    predictions: Predictions
    labels: Labels
    sizes: Sizes


class TermValue(NamedTuple):
    """A term of the loss without its prefactor, and the error that is reported for it."""

    loss: Array
    error: Array
