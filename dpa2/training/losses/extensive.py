"""Terms of quantities that grow with the number of atoms: the energy and the virial (section 3.2 of the specification).

They are means over frames, whatever the numbers of their atoms.
"""

from __future__ import annotations

from ...nn.arrays import Array, Float, array_namespace
from .comparison import Comparison, TermValue
from .measures import huber


def energy(given: Comparison) -> TermValue:
    """Return the term of the energy."""
    found = weighted_energy(given) if given.settings.weighted_energy else given.predictions.energy
    return extensive(given, found[:, None], given.labels.energy[:, None], given.settings.huber_delta[0])


def weighted_energy(given: Comparison) -> Float[Array, "frame"]:
    """Return energies as sums of atomic energies with the coefficients of the labels, which are 1 if not known."""
    parts, coefficients = given.predictions.atom_energy, given.labels.energy_coefficients
    return array_namespace(parts).sum(parts if coefficients is None else coefficients * parts, axis=1)


def virial(given: Comparison) -> TermValue:
    """Return the term of the virial."""
    pair = given.predictions.virial, given.labels.virial
    found, label = (array_namespace(x).reshape(x, (-1, 9)) for x in pair)
    return extensive(given, found, label, given.settings.huber_delta[2])


def extensive(
    given: Comparison, found: Float[Array, "frame component"], label: Float[Array, "frame component"], delta: float
) -> TermValue:
    """Return the term of a quantity that grows with the number of atoms."""
    xp, sizes, settings = array_namespace(found), given.sizes, given.settings
    inverse, inverse_square, deviation = sizes.inverse[:, None], sizes.inverse_square[:, None], found - label
    if settings.measure == "absolute":
        mean = sizes.mean_of_frames(xp.abs(deviation) * inverse)
        return TermValue(mean, mean)
    square = deviation * deviation
    error = xp.sqrt(sizes.mean_of_frames(square * inverse_square))
    if settings.measure == "huber":
        return TermValue(sizes.mean_of_frames(huber(label * inverse - found * inverse, delta)), error)
    return TermValue(sizes.mean_of_frames(square * (inverse_square if settings.intensive else inverse)), error)
