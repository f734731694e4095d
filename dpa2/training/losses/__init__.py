"""The loss of predictions against labels, written once for arrays of any library (section 3 of the specification)."""

from .arrays import Labels, Predictions
from .batch import predictions_of, real_atoms
from .loss import TERMS, Loss
from .settings import LossSettings, Prefactor

__all__ = [
    "TERMS",
    "Labels",
    "Loss",
    "LossSettings",
    "Prefactor",
    "Predictions",
    "predictions_of",
    "real_atoms",
]
