"""What a fresh model takes from its data before the first step: statistics and the energy of each type.

Source: sections 6.2, 6.3 and 7.1 of the specification of training.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..errors import InputError
from ..model.model import Model
from ..model.output_bias import fit_output_bias
from ..model.parameter_statistics import SMALLEST, compute_parameter_statistics
from ..model.statistics import environment_moments, merged, with_environment_moments
from ..structures.datasets import Frame
from .data.feed import Feed
from .data.sampler import first_frames


def sampled_frames(feed: Feed, batches: int, seed: int | None) -> list[Frame]:
    """Return the frames that statistics are taken from: at most so many batches of each system.

    Frames that a training leaves out because two atoms are too close are left out here, too. All of a system's frames
    are taken where it has no more batches than that; otherwise a choice by chance.
    """
    rows = first_frames(feed.source.sampler, batches, seed)
    return [
        system.frame(row)
        for number, (system, own) in enumerate(zip(feed.source.systems, rows, strict=True))
        for row in own
        if not feed.too_close(number, row)
    ]


def prepared(model: Model, frames: Sequence[Frame], smallest: float = SMALLEST) -> Model:
    """Return a fresh model with the statistics of its environments and parameters, and with its output bias.

    smallest: the least deviation of parameters (`data_stat_protect`).

    Raises `InputError` if there are no frames, or none with an energy.
    """
    (found,) = prepared_heads({"": model}, {"": frames}, [[""]], {"": smallest}).values()
    return found


def prepared_heads(
    models: Mapping[str, Model],
    frames: Mapping[str, Sequence[Frame]],
    shared: Collection[Sequence[str]] = (),
    smallest: Mapping[str, float] | None = None,
) -> dict[str, Model]:
    """Return the fresh models of several heads, with statistics and output biases of their own frames.

    Parameters
    ----------
    models, frames
        The model of each head, and the frames sampled from its data.
    shared
        Groups of heads that share a descriptor, the base of which comes first: moments of their environments are added,
        however often each head is chosen.
    smallest
        The least deviation of parameters of each head.

    Raises
    ------
    InputError
        A head has no frames, or none with an energy (facts: argument).
    """
    for head, own in frames.items():
        if not own:
            what = f"head {head!r} has no frames" if head else "there are no frames"
            raise InputError(f"{what} to take statistics from", argument="frames")
    moments = {head: environment_moments(model, frames[head]) for head, model in models.items()}
    found = dict(models)
    for group in [*shared, *([head] for head in models if not any(head in group for group in shared))]:
        total = merged([moments[head] for head in group])
        found |= {head: with_environment_moments(models[head], total) for head in group}
    least = smallest or {}
    found = {h: compute_parameter_statistics(m, frames[h], least.get(h, SMALLEST)) for h, m in found.items()}
    return {head: fit_output_bias(model, frames[head]) for head, model in found.items()}
