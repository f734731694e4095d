"""One step of training after another: batch → loss → gradient → update (section 4)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...backends.differentiation import OptimizerSettings, differentiation, settled
from ...errors import InputError, TrainingStopped
from ...evaluation.forces import evaluate_prepared
from ...evaluation.results import Evaluation
from ...fitting.atomic_model import AtomicProgram
from ...model.model import Model
from ...nn.arrays import Array
from ..losses import Labels, Loss, Predictions, predictions_of
from .average import moved_average
from .batch import Batch
from .clipping import length, scaled, shortening
from .fold import Fold, Folded
from .parameters import ALONE, parameters_of
from .slopes import Cotangents, one_pass


@dataclass(frozen=True)
class Report:
    """The findings of a step before it changed the parameters.

    loss: of the batch. errors: the reported numbers by name, NaN where labels are missing. slope: the Euclidean norm of
    the gradient before it was clipped. rate: the learning rate.
    """

    loss: float
    errors: dict[str, float]
    slope: float
    rate: float


@dataclass(frozen=True)
class LossOfArrays:
    """A loss as a function of dictionaries, of which a library takes the gradient."""

    loss: Loss

    def __call__(self, predictions: Mapping[str, Array], labels: Any, real: Array, prefactors: Any) -> tuple:
        """Return the loss and the errors that are reported."""
        return self.loss(Predictions(**predictions), Labels(**labels), real, prefactors)


class Trainer:
    """A model, or several heads that share parameters, in training.

    Parameters
    ----------
    models
        A model on PyTorch or JAX, or models by the names of their heads; arrays that they share stay shared.
    losses
        The loss, or the loss of each head.
    start_rate
        The learning rate at which prefactors have their start values.
    optimizer
        Adam or AdamW.
    limit
        The longest gradient: longer ones are scaled down to it; 0 for no limit.
    average_decay
        The share that the moving average of the parameters keeps in each step; None for no average.
    recompute
        Whether PyTorch computes functions of chunks again on the way back, which takes less memory and more time; JAX
        always does.

    Raises
    ------
    BackendError
        The library has no derivatives by weights.
    ConfigurationError
        Nothing is trained.
    InputError
        A model predicts something else than energies.

    Examples
    --------
    See `docs/training-in-python.md`.
    """

    def __init__(
        self,
        models: Model | Mapping[str, Model],
        losses: Loss | Mapping[str, Loss],
        start_rate: float,
        optimizer: OptimizerSettings | None = None,
        limit: float = 0.0,
        average_decay: float | None = None,
        recompute: bool = False,
    ) -> None:
        self.models = {ALONE: models} if isinstance(models, Model) else dict(models)
        for model in self.models.values():
            model.require_energies("a loss of energies and forces")
        self.losses = dict.fromkeys(self.models, losses) if isinstance(losses, Loss) else dict(losses)
        self.backend = next(iter(self.models.values())).backend
        self.start_rate, self.limit, self.average_decay = start_rate, limit, average_decay
        self.differentiation = differentiation(self.backend, recompute)
        self.parameters = parameters_of(self.models)
        self.settings = optimizer or OptimizerSettings()
        self.optimizer = self.differentiation.optimizer(self.settings, self.parameters.arrays)
        self.folds = {head: Fold(self.parameters, head, model) for head, model in self.models.items()}
        self.average = {} if average_decay is None else dict(self.copied(self.parameters.arrays))

    @settled
    def step(self, batch: Batch, rate: float, head: str = ALONE) -> Report:
        """Change the parameters once by a batch, and return what was found before.

        Raises `TrainingStopped` for a loss or a gradient that is not finite; the parameters are then as before.
        """
        report, slopes = self.slopes(batch, rate, head)
        self.require_finite(report, batch, head)
        self.update(slopes, report.slope, rate)
        return report

    @settled
    def update(self, slopes: Mapping[str, Array], norm: float, rate: float) -> None:
        """Change the parameters once by a gradient of that norm."""
        factor = shortening(norm, self.limit)
        shorter = dict(slopes) if factor == 1.0 else self.differentiation.compiled(scaled, dict(slopes), factor)
        self.optimizer.update(shorter, rate)
        if self.average_decay is not None:
            now = self.optimizer.parameters
            self.average = self.differentiation.compiled(moved_average, self.average, now, self.average_decay)

    @settled
    def slopes(self, batch: Batch, rate: float, head: str = ALONE) -> tuple[Report, dict[str, Array]]:
        """Return what a step would find, and the gradient by each parameter, before it is clipped."""
        made = one_pass(self.differentiation, self.backend, self.program(head), batch.prepared)
        found, cotangents = self.compared(batch, rate, head, made.results())
        slopes = self.through_fold(head, made.slopes(cotangents))
        return replace(found, slope=float(self.differentiation.compiled(length, slopes))), slopes

    @settled
    def evaluate(self, batch: Batch, rate: float, head: str = ALONE) -> Report:
        """Return loss and errors of a batch with the parameters as they are, and change nothing."""
        results = self.differentiation.plain(evaluate_prepared, self.program(head), self.backend, batch.prepared, False)
        return self.compared(batch, rate, head, results)[0]

    def program(self, head: str) -> AtomicProgram:
        """Return the program of a head's present weights."""
        self.head(head)
        return self.differentiation.compiled(self.folds[head], self.own(head))

    def through_fold(self, head: str, by_program: Sequence[Array | None]) -> dict[str, Array]:
        """Return the gradient by parameters from that by the arrays of the program that is made of them."""
        return self.differentiation.compiled_slopes(Folded(self.folds[head]), self.own(head), by_program)[2]

    def own(self, head: str) -> dict[str, Array]:
        """Return the parameters of a head as they are."""
        return self.parameters.of_head(head, self.optimizer.parameters)

    def compared(
        self, batch: Batch, rate: float, head: str, results: Sequence[Evaluation]
    ) -> tuple[Report, Cotangents]:
        """Return loss and errors of a batch, and the derivatives of the loss by the model's results."""
        predictions = self.differentiation.plain(predictions_of, results)
        loss = self.losses[head]
        prefactors = loss.prefactors(rate / self.start_rate)
        given = vars(predictions), vars(batch.labels), batch.real, prefactors
        value, errors, slopes = self.differentiation.compiled_slopes(LossOfArrays(loss), *given)
        numbers = {name: float(self.backend.to_numpy(x)) for name, x in errors.items()}
        report = Report(float(value), loss.reported(float(value), numbers), math.nan, rate)
        return report, self.cotangents(batch, {name: self.backend.to_numpy(x) for name, x in slopes.items()})

    def cotangents(self, batch: Batch, slopes: Mapping[str, np.ndarray]) -> Cotangents:
        """Return derivatives of the loss by padded results as those by the results of atoms, end to end."""
        atoms = batch.prepared.atoms
        per_atom = slopes["energy"][:, None] + slopes["atom_energy"]

        def end_to_end(padded: np.ndarray) -> np.ndarray:
            return np.concatenate([rows[:count] for rows, count in zip(padded, atoms, strict=True)])

        return Cotangents(end_to_end(per_atom), end_to_end(slopes["forces"]), slopes["virial"])

    def require_finite(self, report: Report, batch: Batch, head: str) -> None:
        """Raise `TrainingStopped` where the loss or the gradient is not finite."""
        where = f"of batch {batch.name or 'without a name'}{f' of head {head}' if head else ''}"
        rule = "the parameters are as before this step; look at the labels of the batch, or lower the rate"
        for what, number in (("loss", report.loss), ("norm of the gradient", report.slope)):
            if not math.isfinite(number):
                message = f"the {what} {where} is {number}: {rule}"
                raise TrainingStopped(message, batch=batch.name, head=head, loss=report.loss)

    def head(self, name: str) -> Model:
        """Return the model of a head as it was given; raise `InputError` for one that there is not."""
        if name not in self.models:
            known = ", ".join(map(repr, self.models))
            raise InputError(f"head {name!r}: there is none; heads: {known}", argument="head")
        return self.models[name]

    def weights(self, head: str, arrays: Mapping[str, Array] | None = None) -> Any:
        """Return the tree of weights of a head over the parameters as they are."""
        return self.parameters.placed(head, self.head(head).weights, arrays or self.optimizer.parameters)

    def model(self, head: str = ALONE, average: bool = False) -> Model:
        """Return a model with copies of the parameters as they are now, or of their moving average."""
        self.head(head)
        return self.trained(average)[head]

    @settled
    def trained(self, average: bool = False) -> dict[str, Model]:
        """Return the models of all heads with copies of the parameters as they are now; what is shared stays shared."""
        arrays = self.copied(self.average if average else self.optimizer.parameters)
        made = {head: self.weights(head, arrays) for head in self.models}
        return {head: replace(self.models[head], weights=weights) for head, weights in made.items()}

    def change_bias(self, head: str, fitted: Model) -> None:
        """Give a head the output bias of another model, which is no parameter and enters all later results."""
        bias, deviation = fitted.weights.bias, fitted.weights.deviation
        model = self.head(head)
        self.models[head] = replace(model, weights=replace(model.weights, bias=bias, deviation=deviation))
        self.folds[head] = Fold(self.parameters, head, self.models[head])

    def copied(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Return copies of arrays, which no later step changes."""
        return {name: self.backend.asarray(np.array(self.backend.to_numpy(x))) for name, x in arrays.items()}

    @settled
    def state(self) -> dict[str, np.ndarray]:
        """Return all that a training goes on from, as copies by name; `restore` goes on to the bit.

        "weights/NAME", "moment1/NAME", "moment2/NAME", "updates/NAME" (steps of that parameter) and, with a moving
        average, "average/NAME".
        """
        average = {f"average/{name}": np.array(self.backend.to_numpy(x)) for name, x in self.average.items()}
        return self.optimizer.state() | average

    @settled
    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a state of a trainer of the same models and settings.

        Raises `InputError` where names or shapes are others.
        """
        expected = self.state()
        for name, array in expected.items():
            if name not in state or np.shape(state[name]) != array.shape:
                found = f"has shape {np.shape(state[name])}" if name in state else "is missing"
                raise InputError(f"state: {name} {found}, must have shape {array.shape}", argument="state", tensor=name)
        for name in sorted(set(state) - set(expected)):
            raise InputError(f"state: {name} is of no parameter of this training", argument="state", tensor=name)
        self.optimizer.restore(state)
        self.average = {name: self.backend.asarray(np.array(state[f"average/{name}"])) for name in self.average}
