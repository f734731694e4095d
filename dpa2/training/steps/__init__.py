"""Steps of training on PyTorch and JAX (section 4 of the specification of training)."""

from ...backends.differentiation import OptimizerSettings
from .batch import Batch, make_batch
from .parameters import Parameters, parameters_of, trained
from .trainer import Report, Trainer

__all__ = [
    "Batch",
    "OptimizerSettings",
    "Parameters",
    "Report",
    "Trainer",
    "make_batch",
    "parameters_of",
    "trained",
]
