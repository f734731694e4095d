"""The term of atomic energies (section 3.4)."""

from __future__ import annotations

from ...nn.arrays import array_namespace
from .comparison import Comparison, TermValue
from .measures import huber


def atom_energy(given: Comparison) -> TermValue:
    """Return the term of atomic energies, a mean over the atoms of the whole batch."""
    deviation, settings = (given.predictions.atom_energy - given.labels.atom_energy)[..., None], given.settings
    xp = array_namespace(deviation)
    if settings.measure == "absolute":
        mean = given.sizes.mean(xp.abs(deviation))
        return TermValue(mean, mean)
    square = given.sizes.mean(deviation * deviation)
    if settings.measure == "huber":
        return TermValue(given.sizes.mean(huber(deviation, settings.huber_delta[0])), xp.sqrt(square))
    return TermValue(square, xp.sqrt(square))
