"""Steps of several ranks together: each has its own batch, and all make the step of the mean gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from ...backends.ranks import Ranks, raise_first
from ...errors import TrainingStopped
from ...nn.arrays import Array
from .batch import Batch
from .clipping import length
from .parameters import ALONE
from .trainer import Report, Trainer

Found = tuple[Report, dict[str, Array]]


class Team:
    """The trainers of the ranks of a process, which have equal parameters, and make the same steps as all others.

    Parameters
    ----------
    trainers
        One for each rank of this process, on its device.
    ranks
        Those of this process, and their exchange with the others.
    asked
        Returns the number of a signal that asks this process to stop, or None.
    """

    def __init__(
        self, trainers: Sequence[Trainer], ranks: Ranks, asked: Callable[[], int | None] = lambda: None
    ) -> None:
        self.trainers, self.ranks, self.asked = list(trainers), ranks, asked
        self.agreed: int | None = None
        self.threads = ThreadPoolExecutor(len(self.trainers), thread_name_prefix="dpa2 rank")

    @property
    def signal(self) -> int | None:
        """The number of the signal with which the training ends, in all processes after the same step, or None."""
        return self.asked() if self.ranks.count == 1 else self.agreed

    def step(self, batches: Sequence[Batch], rate: float, head: str = ALONE) -> Report:
        """Change the parameters once by the batches of all ranks, and return what was found before.

        batches: one for each rank of this process. Loss and errors of the report are those of its first rank; the
        gradient is the mean of all, and so is its norm.

        Raises `TrainingStopped`, in all processes, where the loss or the gradient of one rank is not finite.
        """
        first = self.trainers[0]
        if self.ranks.count == 1:
            return first.step(batches[0], rate, head)
        found = self.found(batches, rate, head)
        self.agree(found, batches, head)
        means = self.ranks.mean([slopes for _, slopes in found])
        report = replace(found[0][0], slope=float(first.differentiation.compiled(length, means[0])))
        first.require_finite(report, batches[0], head)
        for trainer, slopes in zip(self.trainers, means, strict=True):
            trainer.update(slopes, report.slope, rate)
        return report

    def found(self, batches: Sequence[Batch], rate: float, head: str) -> list[Found]:
        """Return what the trainers of this process find, each in a thread of its own if there are several."""
        if len(self.trainers) == 1:
            return [self.trainers[0].slopes(batches[0], rate, head)]
        return list(self.threads.map(lambda t, batch: t.slopes(batch, rate, head), self.trainers, batches))

    def agree(self, found: Sequence[Found], batches: Sequence[Batch], head: str) -> None:
        """Stop in all processes where one must, and note a signal that came to one of them."""
        told = self.ranks.gathered((self.failure(found, batches, head), self.asked()))
        raise_first([failure for failure, _ in told])
        self.agreed = max((number for _, number in told if number is not None), default=None)

    def failure(self, found: Sequence[Found], batches: Sequence[Batch], head: str) -> TrainingStopped | None:
        """Return the error of the first rank whose loss or gradient is not finite."""
        for trainer, (report, _), batch in zip(self.trainers, found, batches, strict=True):
            try:
                trainer.require_finite(report, batch, head)
            except TrainingStopped as error:
                return error
        return None
