"""One run of `dpa2 train`, from the script to its exit code."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from ...backends.differentiation import default_library
from ...backends.ranks import Ranks, connect, leads, together
from ...errors import InputError, TrainingStopped
from ...exit_codes import stopped_by
from ...serialization.containers import container_for
from ...training.course import Ended, Options, Training
from ...training.course.beginning import prepare
from ...training.course.origin import Origin
from ...training.plan import Plan, plan_training
from ...training.script.script import Script
from ...training.steps.parameters import ALONE
from ..output import counted, progress, tell, tell_line, tell_warning, tell_written, training_progress
from ..png import check_png
from .curve_picture import save_curve
from .many import in_company, share_processors
from .watch import Telling


@dataclass(frozen=True)
class Wanted:
    """The options of the command. count: whether neighbours are counted before the start."""

    script: str
    origin: Origin
    backend: str | None
    device: str | None
    devices: int
    save: str | None
    png: str | None
    count: bool
    truncate: bool
    lists: Path | None
    reference: bool
    as_json: bool

    def options(self, ranks: Ranks) -> Options:
        """Return the choices that the script leaves open."""
        return Options(
            truncate=self.truncate, lists=self.lists, reference_checkpoints=self.reference, ranks=ranks
        )  # fmt: skip


def run(script: Script, wanted: Wanted) -> int:
    """Train, tell what happens, and return the exit code."""
    check_png(wanted.png)
    if wanted.save is not None:
        require_place(script, wanted.save)
    backend = wanted.backend or default_library()
    share_processors()
    ranks = connect(backend, wanted.device, wanted.devices)
    if len(ranks.own) == ranks.count:
        return run_on(ranks, script, wanted, backend)
    return in_company(ranks, lambda: run_on(ranks, script, wanted, backend))


def run_on(ranks: Ranks, script: Script, wanted: Wanted, backend: str) -> int:
    """Train with the ranks of this process, and return the exit code; the process with the first one tells all."""
    quiet = not leads(ranks)
    with progress(wanted.as_json or quiet) as bar:
        track = lambda frames, n: bar.track(frames, total=n, description="counting neighbours")  # noqa: E731
        plan = plan_training(script, track, wanted.count, ranks, lists=wanted.lists)
    if not wanted.truncate:
        together(ranks, plan.require_room)
    training = prepare(plan, wanted.origin, backend, wanted.device, wanted.options(ranks))
    if quiet:
        return stopped_by(training.run().signal)
    tell_beginning(plan, training, wanted)
    with training_progress(wanted.as_json) as bar:
        watch = Telling(bar, plan.steps, training.first, wanted.as_json, script.course.time_training)
        ended = ran(training, watch)
    if wanted.png is not None and watch.rows:
        save_curve(watch.rows, wanted.png)
    if wanted.save is not None:
        write_models(ended, wanted.save)
    tell_end(ended, plan, wanted)
    return stopped_by(ended.signal)


def require_place(script: Script, file: str) -> None:
    """Refuse a name, before any work is done, that is none of a format which holds the trained model."""
    container_for(Path(file))
    if script.heads and Path(file).suffix != ".pt":
        rule = "several heads are written to one .pt; convert a head of the last checkpoint to another format"
        raise InputError(f"{file}: {rule}", argument="save", file=file)


def ran(training: Training, watch: Telling) -> Ended:
    """Train; where a loss is not finite, say which checkpoint is the last one."""
    try:
        return training.run(watch)
    except TrainingStopped as error:
        last = training.saving.files.last() if training.last_file is None else training.last_file
        kept = f"the last checkpoint is {last}" if last else "there is no checkpoint yet"
        stopped = TrainingStopped(f"{error}; {kept}", **error.facts | {"checkpoint": last and str(last)})
        stopped.shared = error.shared
        raise stopped from error


def tell_beginning(plan: Plan, training: Training, wanted: Wanted) -> None:
    """Say what is trained, where, and how long."""
    backend = training.trainer.backend
    numbers = sum(math.prod(array.shape) for array in training.trainer.parameters.arrays.values())
    heads = [head for head in training.feeds if head]
    facts = {"steps": plan.steps, "first": training.first, "parameters": numbers}
    facts |= {"backend": backend.name, "device": str(backend.device), "heads": heads, "ranks": training.ranks.count}
    if training.anew:
        tell_warning("the checkpoint is of another number of devices: the frames of an epoch are drawn anew")
    if wanted.as_json:
        tell({"event": "begin", **facts})
        return
    left = f"from step {training.first + 1} to {plan.steps}" if training.first else counted(plan.steps, "step")
    left = left if training.first < plan.steps else f"all {plan.steps} steps are done already"
    several = f" in {counted(len(heads), 'head')}" if heads else ""
    ranks = training.ranks.count
    where = backend.device if ranks == 1 else f"{ranks} devices"
    tell_line(f"training {numbers} numbers{several} on {backend.name}, {where}: {left}")


def write_models(ended: Ended, file: str) -> None:
    """Write the trained model."""
    from ...api import save, save_multitask

    save(ended.models[ALONE], file) if ALONE in ended.models else save_multitask(ended.models, file)


def tell_end(ended: Ended, plan: Plan, wanted: Wanted) -> None:
    """Say what was reached, and how to go on."""
    file = ended.file and str(ended.file)
    go_on = f"dpa2 train {wanted.script} --restart {file}"
    if wanted.as_json:
        facts = {"steps": ended.steps, "complete": ended.complete, "checkpoint": file, "target": wanted.save}
        tell({"event": "end", **facts, "signal": ended.signal})
        return
    tell_written(wanted.save)
    tell_written(wanted.png)
    if ended.complete:
        head = next((f"#{head}" for head in ended.models if head != ALONE), "")
        way = f"; a model file: dpa2 convert {file}{head} model.dp" if file else ""
        tell_line(f"{counted(ended.steps, 'step')} done{way}")
    else:
        tell_line(f"stopped after step {ended.steps} of {plan.steps}; go on with: {go_on}")
