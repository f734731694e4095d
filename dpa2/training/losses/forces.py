"""Terms of forces: plain, with a weight for each atom, and along generalised coordinates (sections 3.3, 3.5, 3.6).

They are means over the atoms of the whole batch, whichever frames these belong to.
"""

from __future__ import annotations

from ...nn.arrays import Array, Float, array_namespace
from .comparison import Comparison, TermValue
from .measures import huber, length


def deviations(given: Comparison) -> Float[Array, "frame slot 3"]:
    """Return label less prediction, divided by the size of the label where that is asked."""
    deviation = given.labels.forces - given.predictions.forces
    if given.settings.relative_forces is None:
        return deviation
    return deviation / (length(given.labels.forces) + given.settings.relative_forces)[..., None]


def forces(given: Comparison) -> TermValue:
    """Return the term of forces."""
    deviation, settings = deviations(given), given.settings
    square = given.sizes.mean(deviation * deviation)
    error = array_namespace(square).sqrt(square)
    if settings.measure == "squares":
        return TermValue(square, error)
    size = length(deviation)[..., None] if settings.force_norm else deviation
    if settings.measure == "huber":
        return TermValue(given.sizes.mean(huber(size, settings.huber_delta[1])), error)
    mean = given.sizes.mean(array_namespace(size).abs(size))
    return TermValue(mean, mean)


def weighted_forces(given: Comparison) -> TermValue:
    """Return the term of forces with a weight for each atom; weights that are not known are 1."""
    deviation, weights = deviations(given), given.labels.force_weights
    xp, absolute = array_namespace(deviation), given.settings.measure == "absolute"
    each = xp.abs(deviation) if absolute else deviation * deviation
    mean = given.sizes.mean(each if weights is None else weights[..., None] * each)
    return TermValue(mean, mean if absolute else xp.sqrt(mean))


def generalized_forces(given: Comparison) -> TermValue:
    """Return the term of forces along generalised coordinates, a mean over frames and coordinates."""
    deviation = (given.labels.forces - given.predictions.forces) * given.sizes.real[..., None]
    xp, slopes = array_namespace(deviation), given.labels.generalized
    frames, slots, axes, coordinates = slopes.shape
    flat = xp.reshape(deviation, (frames, 1, slots * axes))
    along = flat @ xp.reshape(slopes, (frames, slots * axes, coordinates))
    mean = given.sizes.mean_of_frames((along * along)[:, 0, :])
    return TermValue(mean, xp.sqrt(mean))
