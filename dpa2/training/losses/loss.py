"""The loss of a batch: a sum of terms with prefactors that follow the learning rate (section 3)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ...errors import InputError
from ...nn.arrays import Array, Float, array_namespace
from .arrays import Labels, Predictions
from .atoms import atom_energy
from .comparison import Comparison, TermValue
from .extensive import energy, virial
from .forces import forces, generalized_forces, weighted_forces
from .settings import LossSettings
from .sizes import sizes


class Term(NamedTuple):
    """A term: how it is computed, the labels that it needs, and the end of the name of its error in reports."""

    compute: Callable[[Comparison], TermValue]
    labels: tuple[str, ...]
    short: str


TERMS = {
    "energy": Term(energy, ("energy",), "e"),
    "forces": Term(forces, ("forces",), "f"),
    "weighted_forces": Term(weighted_forces, ("forces", "force_weights"), "pf"),
    "generalized_forces": Term(generalized_forces, ("forces", "generalized"), "gf"),
    "virial": Term(virial, ("virial",), "v"),
    "atom_energy": Term(atom_energy, ("atom_energy",), "ae"),
}


@dataclass(frozen=True)
class Loss:
    """The loss of predictions against labels, over arrays of any library.

    Parameters
    ----------
    settings
        Terms, prefactors and measure.
    reference_rounding
        Whether prefactors and inverse numbers of atoms are rounded to float32, as the reference does it. Losses then
        agree with its losses to 1e-15, otherwise to 1e-7.

    Notes
    -----
    Source: section 3 of the specification of training.

    Examples
    --------
    >>> import numpy as np
    >>> from dpa2.training.losses import Labels, Loss, Predictions
    >>> found = Predictions(np.zeros(1), np.zeros((1, 2, 3)), np.zeros((1, 3, 3)), np.zeros((1, 2)))
    >>> loss = Loss()
    >>> known = Labels(forces=np.ones((1, 2, 3)))
    >>> value, errors = loss(found, known, np.ones((1, 2)), loss.prefactors(0.5))
    >>> float(value), float(errors["rmse_f"])
    (500.5, 1.0)
    """

    settings: LossSettings = field(default_factory=LossSettings)
    reference_rounding: bool = False

    def prefactors(self, ratio: float) -> dict[str, float]:
        """Return the prefactor of each term where the learning rate is `ratio` times the full one."""
        found = {name: prefactor.at(ratio) for name, prefactor in self.settings.terms().items()}
        return {n: float(np.float32(p)) for n, p in found.items()} if self.reference_rounding else found

    def __call__(
        self,
        predictions: Predictions,
        labels: Labels,
        real: Float[Array, "frame slot"],
        prefactors: dict[str, float],
    ) -> tuple[Array, dict[str, Array]]:
        """Return the loss, and the errors that are reported, by name, of the terms whose labels are known.

        real: 1 for atoms, 0 for slots without one. prefactors: as of `prefactors`.
        """
        given = Comparison(self.settings, predictions, labels, sizes(real, self.reference_rounding))
        total, errors = 0.0 * array_namespace(real).sum(predictions.energy), {}
        for name in self.computed(labels):
            value = TERMS[name].compute(given)
            total = total + prefactors[name] * value.loss
            errors[self.error_name(name)] = value.error
        return total, errors

    def computed(self, labels: Labels) -> list[str]:
        """Return the names of the terms whose labels are known."""
        return [name for name in self.settings.terms() if not self.missing(name, labels)]

    def missing(self, name: str, labels: Labels) -> list[str]:
        """Return the labels that a term needs and that are not known."""
        free = ("force_weights",) if self.settings.default_weights else ()
        return [label for label in TERMS[name].labels if label not in (*labels.known(), *free)]

    def error_name(self, name: str) -> str:
        """Return the name under which the error of a term is reported, as in the reference."""
        return f"{'mae' if self.settings.measure == 'absolute' else 'rmse'}_{TERMS[name].short}"

    def reported(self, value: float, errors: dict[str, float]) -> dict[str, float]:
        """Return all reported numbers by name: errors, NaN where labels are missing, and the root of the loss.

        They are in alphabetical order, which is that of the columns of `lcurve.out`.
        """
        names = [self.error_name(name) for name in self.settings.terms()]
        every = {"rmse": math.sqrt(value) if value >= 0.0 else math.nan}
        every |= {name: float(errors.get(name, math.nan)) for name in names}
        return dict(sorted(every.items()))

    def require_some_label(self, labels: Labels, where: str) -> None:
        """Raise `InputError` where no term has its labels, so that there is nothing to learn from."""
        if not self.computed(labels):
            wanted = sorted({label for name in self.settings.terms() for label in TERMS[name].labels})
            what = f"{where}: has none of the labels that the loss asks for ({', '.join(wanted)})"
            raise InputError(what, argument="labels", wanted=wanted)
