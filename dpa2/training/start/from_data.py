"""Models that are ready for step 0: with statistics and output bias from the data, where these decide about them.

Source: sections 6, 7, 9 and 10 of the specification of training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np

from ...errors import FormatError, InputError
from ...model.model import Model
from ...model.output_bias import fit_output_bias
from ...model.parameter_statistics import normalisation_of_moments, parameter_moments
from ...model.statistics import Columns, Moments, environment_moments, merged, normalisation, with_weights
from ...structures.datasets import Frame
from ..statistics import DataStatistics, has_energies, statistics_of
from ..statistics_file import kept_statistics
from .sharing import group_of, shared
from .start import CHANGE, KEEP, Start, task_of

Sample = Callable[[], Sequence[Frame]]  # returns the frames that statistics of a head are taken from


def with_data(
    start: Start, samples: Mapping[str, Sample], chances: Mapping[str, float] | None = None
) -> dict[str, Model]:
    """Return the models of a start with all that the data decide, by head; what heads share they still share.

    Parameters
    ----------
    start
        The models, and what is to be taken from data.
    samples
        For each head a function that returns the frames of its sample; it is called at most once, and not at all where
        nothing is taken from data, or a file has it.
    chances
        Probability of each head, by which the statistics of frame and atomic parameters are weighted where heads share
        their fitting net; of no use otherwise.

    Raises
    ------
    InputError
        There are no frames; or probabilities are needed and not given.
    FormatError
        `stat_file` is damaged, or lacks what it has to have.
    """
    once = {head: cache(sample) for head, sample in samples.items()}
    kept = {head: statistics_for(start, head, once[head]) for head, plan in start.from_data.items() if plan.kept}
    models = shared(with_environments(start, once, kept), start.links)
    models = shared(with_parameters(start, models, once, kept, chances or {}), start.links)
    return shared({head: with_bias(start, head, model, once, kept) for head, model in models.items()}, start.links)


def statistics_for(start: Start, head: str, sample: Sample) -> DataStatistics:
    """Return the statistics of a head's data, from the file of the script if it has them."""
    file, smallest = task_of(start, head).statistics_file, start.from_data[head].smallest
    model = start.models[head]
    place = file.stat_file
    return kept_statistics(
        place, file.stat_file_mode, model, smallest, lambda: statistics_of(model, sample(), smallest)
    )


def with_environments(
    start: Start, samples: Mapping[str, Sample], kept: Mapping[str, DataStatistics]
) -> dict[str, Model]:
    """Return models with the normalisation of environments: that of all data that a descriptor sees."""

    @cache
    def moments_of(head: str) -> dict[str, Columns]:
        return kept[head].moments if head in kept else environment_moments(start.models[head], samples[head]())

    found = {}
    for head, model in start.models.items():
        types = start.from_data[head].environments
        if types:
            together = merged([moments_of(other) for other in group_of(start.links, head, "descriptor")])
            model = with_rows(model, normalisation(together, model.config), types)
        found[head] = model
    return found


def with_rows(model: Model, changed: Mapping[str, np.ndarray], types: Sequence[str]) -> Model:
    """Return a model with the rows of some types replaced in some tensors."""
    present = {name: np.asarray(model.backend.to_numpy(model.state_dict()[name])) for name in changed}
    chosen = np.array([name in types for name in model.type_map])[:, None]
    return with_weights(model, {name: np.where(chosen, rows, present[name]) for name, rows in changed.items()})


def with_parameters(
    start: Start,
    models: Mapping[str, Model],
    samples: Mapping[str, Sample],
    kept: Mapping[str, DataStatistics],
    chances: Mapping[str, float],
) -> dict[str, Model]:
    """Return models with the normalisation of their frame and atomic parameters.

    Heads that share a fitting net have that of the data of all of them, weighted by their probabilities.
    """

    @cache
    def moments_of(head: str) -> dict[str, Moments]:
        if head not in kept:
            return parameter_moments(models[head].config, samples[head]())
        own = kept[head]
        if own.parameters and not own.parameter_moments:
            file = task_of(start, head).statistics_file.stat_file
            what = "was written by an earlier version, without what heads that share parameters need; delete it"
            raise FormatError(f"{file}: {what}", file=str(file))
        return own.parameter_moments

    found = {}
    for head, model in models.items():
        plan, group = start.from_data[head], group_of(start.links, head, "fitting_net")
        if plan.parameters and len(group) == 1 and head in kept:
            model = with_weights(model, kept[head].parameters)
        elif plan.parameters:
            weights = weights_of(group, chances)
            together = joined([moments_of(other) for other in group], weights)
            model = with_weights(model, normalisation_of_moments(together, plan.smallest))
        found[head] = model
    return found


def weights_of(group: Sequence[str], chances: Mapping[str, float]) -> list[float]:
    """Return the weights of heads: their probabilities, divided by that of the base, which comes first."""
    if len(group) > 1 and not set(group) <= set(chances):
        rule = f"the heads {', '.join(group)} share statistics of parameters; give the probability of each"
        raise InputError(f"chances: {rule}", argument="chances")
    return [chances[other] / chances[group[0]] if len(group) > 1 else 1.0 for other in group]


def joined(parts: Sequence[Mapping[str, Moments]], weights: Sequence[float]) -> dict[str, Moments]:
    """Return the sums of moments, each times a weight."""

    def total(kind: str, name: str) -> np.ndarray:
        return sum((w * getattr(part[kind], name) for w, part in zip(weights, parts, strict=True)), np.zeros(()))

    return {kind: Moments(*(total(kind, name) for name in ("count", "total", "squares"))) for kind in parts[0]}


def with_bias(
    start: Start, head: str, model: Model, samples: Mapping[str, Sample], kept: Mapping[str, DataStatistics]
) -> Model:
    """Return a model with the output bias that the data of its head ask for; it stays where no frame has an energy."""
    bias = start.from_data[head].bias
    if bias == KEEP:
        return model
    if head in kept:
        return with_weights(model, {"bias": kept[head].bias, "deviation": kept[head].deviation})
    frames = samples[head]()
    return fit_output_bias(model, frames, change=bias == CHANGE) if has_energies(frames) else model
