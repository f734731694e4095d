"""The checkpoints of a training, and those of the moving average of its parameters (section 8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...errors import WriteFailed
from ...serialization.formats.training_state import SUFFIX
from ..loop.checkpoints import Checkpoints, kept_by_ratio
from ..loop.state_file import write_state
from ..reference import write_reference
from ..script.course import CourseSection
from ..steps.trainer import Trainer


class Saving:
    """The files of a training of so many steps, with names and numbers as its script wants them.

    reference: whether checkpoints are also written as those of DeePMD-kit's PyTorch trainer.
    """

    def __init__(self, course: CourseSection, steps: int, reference: bool = False) -> None:
        prefix = Path(course.save_dir or ".") / course.save_ckpt
        most, ratio = course.max_ckpt_keep, course.ckpt_keep_ratio
        most = most if ratio is None else max(1, kept_by_ratio(ratio, steps, course.save_freq))
        self.files = Checkpoints(prefix, SUFFIX, most)
        averages = prefix.with_name(f"{prefix.stem}_ema{prefix.suffix}")
        own = Checkpoints(averages, SUFFIX, course.ema_ckpt_keep or most, named=False)
        self.averages = own if course.enable_ema else None
        self.reference = Checkpoints(prefix, ".pt", most, named=False) if reference else None

    def make_folder(self) -> None:
        """Make the folder of the files; raise `WriteFailed` where that fails."""
        folder = self.files.prefix.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WriteFailed(f"{folder}: {error.strerror}", file=str(folder), reason=str(error)) from error

    def save(self, step: int, trainer: Trainer, notes: Mapping[str, Any], rate: float) -> Path:
        """Write the checkpoint of a step, counted from 1, with its learning rate, and return its file."""
        if self.averages is not None:
            self.averages.save(step, writer(trainer, notes, average=True))
        if self.reference is not None:
            self.reference.save(step, lambda path: write_for_reference(path, trainer, step, rate))
        return self.files.save(step, writer(trainer, notes, average=False))


def writer(trainer: Trainer, notes: Mapping[str, Any], average: bool) -> Callable[[Path], None]:
    """Return what writes a state to a path."""
    return lambda path: write_state(path, trainer, notes, average)


def write_for_reference(path: Path, trainer: Trainer, step: int, rate: float) -> None:
    """Write a checkpoint from which DeePMD-kit goes on with the step after this one, and repeats none."""
    settings: dict[str, Any] = {"rate": rate, "start_rate": trainer.start_rate, "optimizer": trainer.settings}
    settings |= {"average_decay": trainer.average_decay}
    write_reference(path, trainer.trained(), trainer.state(), step, **settings)
