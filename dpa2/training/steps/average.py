"""The moving average of the parameters (section 4)."""

from __future__ import annotations

from collections.abc import Mapping

from ...nn.arrays import Array


def moved_average(average: Mapping[str, Array], parameters: Mapping[str, Array], decay: float) -> dict[str, Array]:
    """Return decay · average + (1 - decay) · parameters, of every parameter, whether a step changed it or not."""
    return {name: decay * before + (1.0 - decay) * parameters[name] for name, before in average.items()}
