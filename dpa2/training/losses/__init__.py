"""The loss of predictions against labels, written once for arrays of any library (section 3 of the specification)."""

from .arrays import Labels, Predictions
from .batch import predictions_of, real_atoms
from .loss import Loss
from .script import loss_settings
from .settings import LossSettings, Prefactor

__all__ = [
    "Labels",
    "Loss",
    "LossSettings",
    "Prefactor",
    "Predictions",
    "loss_settings",
    "predictions_of",
    "real_atoms",
]
