"""The loop shows and saves when it should, and stops with a checkpoint when it is asked to."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, field

import pytest
import training_runs as runs

from dpa2.errors import TrainingStopped
from dpa2.training.loop import Checkpoints, Interruption, kept_by_ratio, read_state, run, write_state
from dpa2.training.steps import Report


@dataclass
class Counting:
    """A trainer that counts steps; `act` is called in each."""

    act: object = lambda step: None
    rates: list = field(default_factory=list)

    def step(self, batch, rate, head):
        self.rates.append(rate)
        self.act(len(self.rates))
        return Report(1.0, {}, 1.0, rate)


def ran(trainer, steps: int, **options) -> tuple[int, list, list]:
    """The number of steps, and those that were shown and saved."""
    shown, saved = [], []
    rates = [0.1 * k for k in range(steps)]
    batches = (("", None) for _ in range(steps - options.get("first", 0)))
    note = {"show": lambda step, head, report: shown.append(step), "save": saved.append}
    return run(trainer, batches, rates, **note, **options), shown, saved


def test_the_first_step_and_multiples_are_shown_multiples_and_the_last_are_saved():
    done, shown, saved = ran(Counting(), 11, show_every=4, save_every=5)
    assert (done, shown, saved) == (11, [1, 4, 8], [5, 10, 11])


def test_the_last_is_saved_once_and_the_first_of_a_run_only_as_the_last():
    assert ran(Counting(), 10, save_every=5)[2] == [5, 10]
    assert ran(Counting(), 3, save_every=1)[2] == [2, 3]
    assert ran(Counting(), 1, save_every=1)[2] == [1]


def test_a_run_goes_on_with_the_rates_of_its_steps():
    trainer = Counting()
    done, shown, saved = ran(trainer, 8, first=5, show_every=3, save_every=6)
    assert trainer.rates == [0.1 * k for k in (5, 6, 7)]
    assert (done, shown, saved) == (8, [6], [8])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_the_run_after_the_step_with_a_checkpoint(number):
    before = signal.getsignal(number)
    with Interruption() as interruption:
        trainer = Counting(lambda step: os.kill(os.getpid(), number) if step == 3 else None)
        done, _, saved = ran(trainer, 10, interruption=interruption)
    assert (done, saved, interruption.signal) == (3, [3], number)
    assert signal.getsignal(number) is before


def test_a_second_interrupt_stops_at_once():
    with Interruption() as interruption:
        os.kill(os.getpid(), signal.SIGINT)
        assert interruption.signal == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_as_many_batches_are_drawn_as_steps_are_made():
    batches = iter([("", None)] * 10)
    run(Counting(), batches, [0.1] * 4)
    assert len(list(batches)) == 6


def test_a_loss_that_is_not_finite_saves_nothing():
    def stop(step):
        if step == 3:
            raise TrainingStopped("the loss is nan", batch="b", head="", loss=float("nan"))

    saved = []
    with pytest.raises(TrainingStopped):
        run(Counting(stop), (("", None) for _ in range(9)), [0.1] * 9, save_every=2, save=saved.append)
    assert saved == [2]


def test_shares_of_checkpoints_are_rounded_up():
    assert [kept_by_ratio(*case) for case in ((0.5, 10, 5), (0.1, 1001, 10), (1.0, 7, 2))] == [1, 11, 4]


def test_a_training_that_was_interrupted_goes_on_to_the_bit(tmp_path):
    """Five steps of the reference's run in one go, and with a signal after the second and a file between."""
    name = "mixed_padded"
    rates = [record["lr"] for record in runs.steps(name)]

    def batches(trainer, first=0):
        return (("", runs.batch(name, step, trainer.head(""))) for step in range(first, 5))

    straight = runs.trainer(name, "torch")
    run(straight, batches(straight), rates)
    files = Checkpoints(tmp_path / "model.ckpt", ".state")
    first = runs.trainer(name, "torch")

    def save(step):
        files.save(step, lambda path: write_state(path, first, {"step": step}))

    with Interruption() as interruption:
        show = lambda step, *_: os.kill(os.getpid(), signal.SIGTERM) if step == 2 else None  # noqa: E731
        assert run(first, batches(first), rates, show_every=1, show=show, save=save, interruption=interruption) == 2
    state, notes = read_state(files.last())
    again = runs.trainer(name, "torch")
    again.restore(state)
    assert run(again, batches(again, notes["step"]), rates, first=notes["step"]) == 5
    expected, found = straight.state(), again.state()
    assert all(found[key].tobytes() == expected[key].tobytes() for key in expected)
