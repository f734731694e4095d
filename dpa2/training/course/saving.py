"""The checkpoints of a training, and those of the moving average of its parameters (section 8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...errors import WriteFailed
from ...serialization.formats.training_state import SUFFIX
from ..loop.checkpoints import Checkpoints, kept_by_ratio
from ..loop.state_file import write_state
from ..script.course import CourseSection
from ..steps.trainer import Trainer


class Saving:
    """The files of a training of so many steps, with names and numbers as its script wants them."""

    def __init__(self, course: CourseSection, steps: int) -> None:
        prefix = Path(course.save_dir or ".") / course.save_ckpt
        most, ratio = course.max_ckpt_keep, course.ckpt_keep_ratio
        most = most if ratio is None else max(1, kept_by_ratio(ratio, steps, course.save_freq))
        self.files = Checkpoints(prefix, SUFFIX, most)
        averages = prefix.with_name(f"{prefix.stem}_ema{prefix.suffix}")
        own = Checkpoints(averages, SUFFIX, course.ema_ckpt_keep or most, named=False)
        self.averages = own if course.enable_ema else None

    def make_folder(self) -> None:
        """Make the folder of the files; raise `WriteFailed` where that fails."""
        folder = self.files.prefix.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WriteFailed(f"{folder}: {error.strerror}", file=str(folder), reason=str(error)) from error

    def save(self, step: int, trainer: Trainer, notes: Mapping[str, Any]) -> Path:
        """Write the checkpoint of a step, counted from 1, and return its file."""
        if self.averages is not None:
            self.averages.save(step, writer(trainer, notes, average=True))
        return self.files.save(step, writer(trainer, notes, average=False))


def writer(trainer: Trainer, notes: Mapping[str, Any], average: bool) -> Callable[[Path], None]:
    """Return what writes a state to a path."""
    return lambda path: write_state(path, trainer, notes, average)
