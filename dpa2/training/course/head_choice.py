"""The head of each step, by chance (section 10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


class HeadChoice:
    """Heads that are drawn with their probabilities; of one head alone nothing is drawn.

    >>> choice = HeadChoice({"a": 0.25, "b": 0.75}, seed=[1])
    >>> [choice.next() for _ in range(8)].count("b") > 4
    True
    """

    def __init__(self, chances: Mapping[str, float], seed: Sequence[int] | None) -> None:
        self.heads, self.chances = list(chances), list(chances.values())
        self.generator = np.random.default_rng(seed)

    def next(self) -> str:
        """Return the head of the next step."""
        if len(self.heads) == 1:
            return self.heads[0]
        return self.heads[int(self.generator.choice(len(self.heads), p=self.chances))]

    def to_plain(self) -> dict[str, Any]:
        """Return the state of chance as plain data."""
        return dict(self.generator.bit_generator.state)

    def restore(self, plain: Mapping[str, Any]) -> None:
        """Go on from a state of chance."""
        self.generator.bit_generator.state = plain
