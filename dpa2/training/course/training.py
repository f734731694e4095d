"""A training from its first step to its last: steps, rows of the learning curve, checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...backends.differentiation import OptimizerSettings
from ...backends.ranks import by_first, leads
from ...model.model import Model
from ...model.output_bias import fit_output_bias
from ..loop.curve import Curve
from ..loop.interruption import Interruption
from ..loop.run import run
from ..losses import Loss
from ..plan import Plan
from ..preparation import sampled_frames
from ..script.script import Script
from ..steps.batch import Batch
from ..steps.copies import on_device
from ..steps.team import Team
from ..steps.trainer import Report, Trainer
from .display import Display
from .feeds import Feeds
from .head_choice import HeadChoice
from .options import Options
from .saving import Saving
from .watch import Watch


@dataclass(frozen=True, eq=False)
class Ended:
    """The end of a training.

    steps: done in all. models: by head, "" for one model alone. file: the last checkpoint. signal: the number of the
    signal that ended it, or None. complete: whether all steps of the script are done.
    """

    steps: int
    models: dict[str, Model]
    file: Path | None
    signal: int | None
    complete: bool


class Training:
    """A training that is ready for its first step.

    Parameters
    ----------
    plan
        What the script says and its data are.
    models
        The models before the first step, by head, on the library that trains; arrays that they share stay shared.
    options
        What the script leaves open.

    Raises
    ------
    BackendError, ConfigurationError, InputError
        As `Trainer` does.
    """

    def __init__(self, plan: Plan, models: Mapping[str, Model], options: Options | None = None) -> None:
        self.plan, self.options, script = plan, options or Options(), plan.script
        self.ranks = self.options.ranks
        places = [models, *(on_device(models, device) for device in self.ranks.devices[1:])]
        self.team = Team([trainer_of(script, each, self.options) for each in places], self.ranks)
        self.trainer = self.team.trainers[0]
        self.batches = Feeds(plan, places, self.options, self.seed)
        self.feeds = self.batches.first
        chances = {task.name: task.probability for task in plan.tasks}
        self.heads = HeadChoice(chances, self.seed(0, 0))
        self.saving = Saving(script.course, plan.steps, self.options.reference_checkpoints)
        self.display = Display(self.trainer, self.feeds, script.course.disp_avg)
        self.table = Path(script.course.disp_file)
        self.first, self.again, self.anew = 0, False, False
        self.last_file: Path | None = None

    def seed(self, kind: int, number: int, rank: int = 0) -> tuple[int, ...] | None:
        """Return the seed of one of the sequences of chance; None where the script has none."""
        seed = self.plan.script.course.seed
        return None if seed is None else (seed, kind, number, *[rank] * (rank > 0))

    def restore(self, state: Mapping[str, Any], notes: Mapping[str, Any]) -> None:
        """Go on from the state of a trainer, and from what a checkpoint notes beside it (`notes`).

        Where it is of more ranks or of fewer, frames are drawn anew (`anew`).

        Raises `InputError` where the state is of another model, or the data are others.
        """
        for trainer in self.team.trainers:
            trainer.restore(state)
        self.first, self.again = int(notes["step"]), True
        self.anew = bool(notes.get("feeds")) and not self.batches.restore(notes)
        if notes.get("heads"):
            self.heads.restore(notes["heads"])
        self.display.restore(notes.get("errors") or {})

    def notes(self, step: int) -> dict[str, Any]:
        """Return what a checkpoint notes beside the state of the trainer; all processes call this together."""
        chance = {"heads": self.heads.to_plain(), **self.batches.to_plain()}
        return {"step": step, "script": self.plan.script.given, "errors": self.display.to_plain()} | chance

    def run(self, watch: Watch | None = None) -> Ended:
        """Train to the last step, or until a signal comes, and return what was reached.

        Raises `TrainingStopped` for a loss that is not finite; the checkpoints before are kept.
        """
        course, watch = self.plan.script.course, watch or Watch()
        curve = self.display.curve()
        by_first(self.ranks, lambda: self.begin_files(curve))
        self.heads.restore(self.ranks.from_first(self.heads.to_plain()))
        rates = [self.plan.schedule.rate(step) for step in range(self.plan.steps)]
        try:
            with Interruption() as interruption:
                self.team.asked = lambda: interruption.signal
                done = run(
                    self.team,
                    self.steps(),
                    rates,
                    first=self.first,
                    show_every=course.disp_freq,
                    save_every=course.save_freq,
                    each=lambda step, head, report: self.each(step, head, report, watch),
                    show=lambda step, head, report: self.show(step, head, report, curve, watch),
                    save=lambda step: self.save(step, watch),
                    interruption=self.team,
                )
                complete = done >= self.plan.steps
                self.finish(done, complete, watch)
        finally:
            self.batches.close()
        return Ended(done, self.trainer.trained(), self.last_file, self.team.signal, complete)

    def begin_files(self, curve: Curve) -> None:
        """Make the folder of the checkpoints, and begin the learning curve."""
        self.saving.make_folder()
        if self.plan.script.course.disp_training:
            curve.begin(self.table, self.again)

    def steps(self) -> Iterator[tuple[str, list[Batch]]]:
        """Heads by chance, the same in all processes, each with the next batches of the ranks; without an end."""
        while True:
            head = self.heads.next()
            yield head, self.batches.next(head)

    def each(self, step: int, head: str, report: Report, watch: Watch) -> None:
        """Note a step."""
        self.display.note(head, report)
        watch.stepped(step, head, report)

    def show(self, step: int, head: str, report: Report, curve: Curve, watch: Watch) -> None:
        """Add a row to the learning curve; the first process does it."""
        if self.plan.script.course.disp_training and leads(self.ranks):
            row = self.display.row(step, head, report)
            curve.add(self.table, curve.row(row.step, row.trained, row.rate, row.validated))
            watch.shown(row)

    def save(self, step: int, watch: Watch) -> None:
        """Write a checkpoint; the first process does it, and every one says what it goes on from."""
        notes = self.notes(step)
        if leads(self.ranks):
            file = self.last_file = self.saving.save(
                step, self.trainer, notes, self.plan.schedule.rate(max(0, step - 1))
            )
            watch.saved(step, file)

    def finish(self, done: int, complete: bool, watch: Watch) -> None:
        """After the last step, fit the output bias again if the script asks for it, and write the last checkpoint."""
        change = complete and self.plan.script.course.change_bias_after_training
        if change and leads(self.ranks):
            for head, model in self.trainer.trained().items():
                frames = sampled_frames(self.feeds[head].training, self.statistics_batches(head), self.seed(3, 0))
                self.trainer.change_bias(head, fit_output_bias(model, frames, change=True))
        if change or self.plan.steps == 0:
            self.save(done, watch)

    def statistics_batches(self, head: str) -> int:
        """Return the number of batches of each system from which statistics of a head are taken."""
        return self.plan.task(head).data.task.statistics.data_stat_nbatch


def trainer_of(script: Script, models: Mapping[str, Model], options: Options) -> Trainer:
    """Return the trainer that a script describes, its heads in the order of the script."""
    settings = {task.name: task.loss.settings for task in script.tasks}
    order = script.model.get("model_dict") or settings
    losses = {head: Loss(settings[head], options.reference_rounding) for head in order}
    course, given = script.course, script.optimizer
    return Trainer(
        {head: models[head] for head in losses},
        losses,
        script.schedule.start_lr,
        OptimizerSettings(given.adam_beta1, given.adam_beta2, given.weight_decay, given.type == "AdamW"),
        course.gradient_max_norm,
        course.ema_decay if course.enable_ema else None,
        options.recompute,
    )
