"""Errors of a model against the labels of data: of each system and in all, and the worst frames and atoms."""

from .results import Accuracy
from .survey import ModelComparison, compare_accuracy, survey_accuracy
from .worst import Worst, worst_atoms, worst_frames

__all__ = [
    "Accuracy", "ModelComparison", "Worst", "compare_accuracy", "survey_accuracy", "worst_atoms", "worst_frames",
]  # fmt: skip
