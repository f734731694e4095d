"""The course of a training, from the plan of a script to the trained models (sections 4, 5.5, 8 and 10)."""

from .options import Options
from .training import Ended, Training
from .watch import Shown, Watch

__all__ = ["Ended", "Options", "Shown", "Training", "Watch"]
