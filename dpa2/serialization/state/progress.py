"""How far a training is: what a checkpoint holds beside its models.

Source: section 4.2 of the description of formats.
"""

from __future__ import annotations

from dataclasses import dataclass

from .adam import Adam
from .average import Average


@dataclass(frozen=True)
class Progress:
    """The step of a training, counted from 0, at which a restart begins, its learning rate, its optimizer and average.

    average: None where the checkpoint has no moving average.
    """

    step: int
    rate: float
    adam: Adam
    average: Average | None = None

    def infos(self) -> dict[str, float]:
        """Return step and rate as a checkpoint has them."""
        return {"lr": self.rate, "step": self.step}
