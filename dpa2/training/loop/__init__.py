"""The loop around training steps: the learning curve, checkpoints by number, interruptions (section 8)."""

from .checkpoints import Checkpoints, kept_by_ratio
from .curve import Curve
from .interruption import Interruption
from .run import run
from .state_file import read_state, write_state

__all__ = ["Checkpoints", "Curve", "Interruption", "kept_by_ratio", "read_state", "run", "write_state"]
