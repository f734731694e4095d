"""The rows of the learning curve: errors in training and in validation (sections 5.5 and 8)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ..data.feed import weighted_means
from ..loop.curve import Curve
from ..steps.batch import Batch
from ..steps.trainer import Report, Trainer
from .head_feed import HeadFeed
from .watch import Errors, Shown


class Display:
    """The rows of a training.

    average: whether the errors in training are means over the steps since the last row (`disp_avg`).
    """

    def __init__(self, trainer: Trainer, feeds: Mapping[str, HeadFeed], average: bool) -> None:
        self.trainer, self.feeds, self.average = trainer, feeds, average
        self.reports: dict[str, list[Errors]] = {head: [] for head in feeds}

    def to_plain(self) -> dict[str, list[dict[str, float]]]:
        """Return the errors of the steps since the last row as plain data."""
        return {head: [dict(errors) for errors in reports] for head, reports in self.reports.items()}

    def restore(self, plain: Mapping[str, list[dict[str, float]]]) -> None:
        """Go on from the errors that `to_plain` returned."""
        self.reports.update({head: list(reports) for head, reports in plain.items()})

    def curve(self) -> Curve:
        """Return the table that the rows belong to."""
        names = {head: list(loss.reported(0.0, {})) for head, loss in self.trainer.losses.items()}
        return Curve(names, any(feed.count for feed in self.feeds.values()))

    def note(self, head: str, report: Report) -> None:
        """Note the errors of a step."""
        if not self.average:
            self.reports[head].clear()
        self.reports[head].append(report.errors)

    def row(self, step: int, head: str, report: Report) -> Shown:
        """Return the row of a step after its update.

        Heads that were not trained in this step are evaluated on one batch each, which is then used up, as in the
        reference.
        """
        trained = {other: self.trained(other, head, report.rate) for other in self.feeds}
        validated = {other: self.validated(other, report.rate) for other, feed in self.feeds.items() if feed.count}
        for reports in self.reports.values():
            reports.clear()
        return Shown(step, report.rate, trained, validated)

    def trained(self, head: str, present: str, rate: float) -> Errors:
        """Return the errors of a head in training."""
        if self.reports[head] and (self.average or head == present):
            return means(self.reports[head])
        return self.trainer.evaluate(self.feeds[head].next(), rate, head).errors

    def validated(self, head: str, rate: float) -> Errors:
        """Return the errors of a head on batches that it is not trained on."""
        batches = self.feeds[head].next_to_validate()
        found = [self.trainer.evaluate(batch, rate, head).errors for batch in batches]
        return weighted_means(found, [real_atoms(self.trainer, batch) for batch in batches])


def real_atoms(trainer: Trainer, batch: Batch) -> int:
    """Return the number of real atoms of a batch."""
    return int(trainer.backend.to_numpy(batch.real).sum())


def means(reports: Sequence[Errors]) -> Errors:
    """Return the mean of each reported number over the steps in which it is known; NaN where it is known in none.

    >>> means([{"rmse": 1.0, "rmse_v": float("nan")}, {"rmse": 2.0, "rmse_v": 3.0}])
    {'rmse': 1.5, 'rmse_v': 3.0}
    """
    found = {}
    for name in reports[0]:
        known = [report[name] for report in reports if not math.isnan(report[name])]
        found[name] = sum(known) / len(known) if known else math.nan
    return found
