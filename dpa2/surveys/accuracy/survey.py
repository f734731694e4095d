"""Models evaluated on frames one after another, beside the labels of these frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import InputError, shorten
from ...model.model import Model
from ...model.preparation import check_system
from ...structures.datasets import Frame
from ...structures.parameters import with_given
from ...structures.system import System, are_real, checked
from .points import Collector
from .quantities import Quantity, labels_of, predictions_of, quantities_of, weights_of
from .results import Accuracy, result


@dataclass(frozen=True, eq=False)
class ModelComparison:
    """Errors of two models on the same frames, and how far the models are apart.

    Attributes
    ----------
    first, second
        Errors of each against the labels.
    apart
        What the second predicts minus what the first does, of all frames, with labels or without.
    """

    first: Accuracy
    second: Accuracy
    apart: Accuracy


def survey_accuracy(
    model: Model,
    frames: Iterable[Frame],
    *,
    neighbors: str = "strict",
    fparam: Any = None,
    aparam: Any = None,
    progress: Callable[[int], object] | None = None,
) -> Accuracy:
    """Return the errors of a model against the labels of frames.

    Frames are gone through twice: labels and structures are checked before anything is evaluated. Then one is read and
    evaluated after another, and only numbers are kept. Frames without a label are counted and not evaluated.

    Parameters
    ----------
    model
        A model of any kind.
    frames
        A `Dataset`, or any frames with the types of the model; a generator is kept as a list.
    neighbors
        "strict" or "truncate", as for `Model.evaluate`.
    fparam, aparam
        Parameters of each frame, and of each atom of each frame, in place of those that the frames have.
    progress
        Called with the number of each frame that is done.

    Raises
    ------
    InputError
        There are no frames, or none has a label; a label has another size, or a number that is not finite (facts:
        argument, system, atom); and all errors of `Model.evaluate`.

    Examples
    --------
    >>> import dpa2
    >>> model, water = dpa2.load(dpa2.demo.MODEL), dpa2.System([[0, 0, 0], [0.96, 0, 0]], ["O", "H"])
    >>> energy = model.evaluate(water).energy
    >>> data = [Frame(water, energy + k, *[None] * 4, f"frame {k}") for k in (0.1, -0.3)]
    >>> found = survey_accuracy(model, data)
    >>> print(found)
    Accuracy(2 frames, energy_rmse = 0.223607, energy_rmse_per_atom = 0.111803)
    >>> from dpa2.surveys.accuracy import worst_frames
    >>> [(bad.frame, round(bad.error, 6)) for bad in worst_frames(found, "energy", most=1)]
    [('frame -0.3', 0.15)]
    """
    return survey([model], frames, neighbors, fparam, aparam, progress)[0]


def compare_accuracy(first: Model, second: Model, frames: Iterable[Frame], **options: Any) -> ModelComparison:
    """Return the errors of two models on the same frames, and how far the models are apart.

    Parameters
    ----------
    first, second
        Models of one kind. Their types may have another order.
    frames
        As for `survey_accuracy`. Frames without labels are evaluated, too, and none needs to have any.
    **options
        Other arguments of `survey_accuracy`.

    Raises
    ------
    InputError
        The models predict different things; and all errors of `survey_accuracy`.

    Examples
    --------
    >>> import dpa2
    >>> model, water = dpa2.load(dpa2.demo.MODEL), dpa2.System([[0, 0, 0], [0.96, 0, 0]], ["O", "H"])
    >>> found = compare_accuracy(model, model, [Frame(water, *[None] * 5, "water")])
    >>> found.apart.summary()["force_rmse"]
    0.0
    """
    ours, theirs = quantities_of(first.config), quantities_of(second.config)
    if ours != theirs:
        names = [", ".join(map(str, each)) for each in (ours, theirs)]
        rule = f"the first predicts {names[0]}, the second {names[1]}; only models of one kind can be compared"
        raise InputError(rule, argument="second")
    return ModelComparison(*survey([first, second], frames, **options))


def survey(
    models: Sequence[Model],
    frames: Iterable[Frame],
    neighbors: str = "strict",
    fparam: Any = None,
    aparam: Any = None,
    progress: Callable[[int], object] | None = None,
) -> list[Accuracy]:
    """Return the errors of one or two models, and after those of two how far they are apart."""
    quantities, names = quantities_of(models[0].config), models[0].type_map
    again = frames if isinstance(frames, Sized) else list(frames)
    require_labels(models, checked_frames(quantities, names, again, fparam, aparam))
    collectors = [Collector(quantities) for _ in range(2 * len(models) - 1)]
    for number, known in enumerate(checked_frames(quantities, names, again, fparam, aparam)):
        wanted = known.labels or (len(models) > 1 and known.real.any())
        found = [predicted(model, quantities, known, neighbors) if wanted else {} for model in models]
        pairs = [(each, known.labels) for each in found] + ([(found[1], found[0])] if len(found) > 1 else [])
        for collector, pair in zip(collectors, pairs, strict=True):
            collector.add(known.frame, known.system.types, *pair, known.weights)
        if progress is not None:
            progress(number)
    return [result(collector, names) for collector in collectors]


@dataclass(frozen=True, eq=False)
class Known:
    """A frame, its checked structure with the parameters that count, and its labels by the keys of quantities.

    real: whether each atom is real. weights: of the forces on real atoms, None if there are none.
    """

    frame: Frame
    system: System
    real: np.ndarray
    labels: dict[str, np.ndarray]
    weights: np.ndarray | None


def checked_frames(
    quantities: Sequence[Quantity], type_map: Sequence[str], frames: Iterable[Frame], fparam: Any, aparam: Any
) -> Iterator[Known]:
    """Yield frames with their structures and labels, which are checked."""
    for number, frame in enumerate(frames):
        if not isinstance(frame, Frame):
            rule = "is no frame; pass a data set, or dpa2.data.Frame(system, energy, forces, virial, ...)"
            raise InputError(f"frame {number}: {shorten(frame)} {rule}", argument="frames")
        system = checked(with_given(frame.system, fparam, aparam), type_map, frame.name)
        real = are_real(system.types)
        yield Known(frame, system, real, labels_of(quantities, frame, real), weights_of(frame, real))


def require_labels(models: Sequence[Model], frames: Iterable[Known]) -> None:
    """Refuse frames of which none has a label, unless there are two models, and structures that a model refuses."""
    count, labelled = 0, False
    for known in frames:
        for model in models:
            check_system(model.config, known.system)
        count, labelled = count + 1, labelled or bool(known.labels)
    if not count:
        raise InputError("there are no frames to test a model on", argument="frames")
    if not labelled and len(models) == 1:
        files = ", ".join(f"{quantity.name}.npy" for quantity in quantities_of(models[0].config))
        known_by = f"data folders have them in {files}; files that ASE reads, under such names"
        raise InputError(f"none of the {count} frames has a label to compare with: {known_by}", argument="frames")


def predicted(model: Model, quantities: Sequence[Quantity], known: Known, neighbors: str) -> dict[str, np.ndarray]:
    """Return what a model predicts of a frame by the keys of quantities."""
    found = model.evaluate_many([known.system], neighbors=neighbors)[0]
    return predictions_of(quantities, found, model.backend.to_numpy, known.real)
