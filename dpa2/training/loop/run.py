"""The loop: batches → steps, with what is shown and what is saved in between (section 8)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from ..steps.team import Team
from ..steps.trainer import Report, Trainer


class Ending(Protocol):
    """A reason to end a run before its last step."""

    @property
    def signal(self) -> int | None:
        """The number of a signal after which the run ends, or None."""


def run(
    trainer: Trainer | Team,
    batches: Iterable[tuple[str, Any]],
    rates: Sequence[float],
    *,
    first: int = 0,
    show_every: int = 1000,
    save_every: int = 1000,
    each: Callable[[int, str, Report], Any] = lambda step, head, report: None,
    show: Callable[[int, str, Report], Any] = lambda step, head, report: None,
    save: Callable[[int], Any] = lambda step: None,
    interruption: Ending | None = None,
) -> int:
    """Train from step `first` to the last of the rates, and return the number of steps that are done in all.

    batches: heads, and what the trainer takes with them, one for each step that is left; the head is "" for a model
    alone. rates: of all steps.
    each: is called after the update with the number of a step, counted from 1, its head and its report. show: is
    called like it, and after it, in the first step and in every `show_every`-th. save: is called with a number in every
    `save_every`-th step, but not in the first one of this run, after the last, and after the present step once a signal
    has come, with which the run ends.

    Raises `TrainingStopped` for a loss that is not finite; nothing is saved then.
    """
    step, saved = first, first
    for rate, (head, batch) in zip(rates[first:], batches, strict=False):  # in this order, no batch is drawn in vain
        report = trainer.step(batch, rate, head)
        step += 1
        each(step, head, report)
        if step == 1 or step % show_every == 0:
            show(step, head, report)
        if step % save_every == 0 and step > first + 1:
            save(saved := step)
        if interruption is not None and interruption.signal is not None:
            break
    if step > saved:
        save(step)
    return step
