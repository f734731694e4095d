"""Whole trainings: rows, checkpoints, validation, heads, restarts."""

from __future__ import annotations

import math

import numpy as np
import pytest
import small_course as small

import dpa2
from dpa2.errors import InputError, TrainingStopped
from dpa2.training.course import Options, Watch

torch = pytest.importorskip("torch")


class Rows(Watch):
    def __init__(self):
        self.rows, self.reports = [], []

    def stepped(self, step, head, report):
        self.reports.append((step, head, report))

    def shown(self, row):
        self.rows.append(row)


@pytest.fixture
def place(tmp_path, monkeypatch):
    small.write_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def numbers(table) -> list[list[float]]:
    return [[float(word) for word in line.split()] for line in table.read_text().splitlines() if line[0] != "#"]


@pytest.mark.parametrize("script", [small.SCRIPT, small.HEADS], ids=["one task", "two heads"])
@pytest.mark.parametrize("changes", [{}, {"training__disp_avg": True, "training__enable_ema": True}], ids=["", "ema"])
def test_a_restarted_training_ends_like_one_that_was_not_interrupted(place, script, changes):
    whole = small.ran_in(place / "whole", lambda: small.started(script, **changes))
    first = place / "whole" / "model.ckpt-3.state"
    again = small.ran_in(place / "again", lambda: small.resumed(first, script, **changes))
    assert whole.complete
    assert (whole.steps, again.steps) == (6, 6)
    assert (place / "again" / "model.ckpt-6.state").read_bytes() == (
        place / "whole" / "model.ckpt-6.state"
    ).read_bytes()
    assert numbers(place / "again" / "lcurve.out") == numbers(place / "whole" / "lcurve.out")[2:]


def test_the_files_of_a_training_are_those_of_the_script(place):
    ended = small.started(training__enable_ema=True, training__save_dir="run", training__max_ckpt_keep=1).run()
    names = sorted(path.name for path in (place / "run").iterdir())
    assert names == [
        "checkpoint",
        "model.ckpt-6.state",
        "model.ckpt.state",
        "model_ema.ckpt-6.state",
        "model_ema.ckpt.state",
    ]
    assert (place / "run" / "checkpoint").read_text() == "model.ckpt-6.state\n"
    digest = ended.models[""].checkpoint().digest()
    assert dpa2.load(place / "run" / "model.ckpt.state").checkpoint().digest() == digest
    assert dpa2.load(place / "run" / "model_ema.ckpt.state").checkpoint().digest() != digest


def test_rows_have_errors_before_the_update_and_validation_after_it(place):
    watch, training = Rows(), small.started(training__numb_steps=3, training__disp_freq=3)
    training.run(watch)
    first, last = watch.rows
    assert [row.step for row in watch.rows] == [1, 3]
    assert first.trained[""] == watch.reports[0][2].errors
    assert last.trained[""] == watch.reports[2][2].errors
    feed, trainer = small.started().feeds[""], training.trainer
    feed.next_to_validate()
    batches = feed.next_to_validate()
    found = [trainer.evaluate(batch, last.rate).errors for batch in batches]
    atoms = [float(batch.real.sum()) for batch in batches]
    for name, value in last.validated[""].items():
        assert value == np.average([errors[name] for errors in found], weights=atoms)


def test_means_since_the_last_row_are_shown_if_the_script_asks_for_them(place):
    watch = Rows()
    small.started(training__disp_avg=True, training__numb_steps=4).run(watch)
    errors = [report.errors["rmse_f"] for _, _, report in watch.reports]
    shown = [row.trained[""]["rmse_f"] for row in watch.rows]
    assert shown == [errors[0], errors[1], sum(errors[2:4]) / 2]


def test_without_batches_made_ahead_a_training_is_the_same(place):
    ahead = small.ran_in(place / "ahead", small.started)
    each = small.ran_in(place / "each", lambda: small.started(options=Options(ahead=0)))
    assert each.models[""].checkpoint().digest() == ahead.models[""].checkpoint().digest()


def test_nothing_is_shown_if_the_script_wants_nothing_shown(place):
    watch = Rows()
    small.started(training__disp_training=False).run(watch)
    assert not watch.rows
    assert not (place / "lcurve.out").exists()


def test_heads_that_are_not_trained_are_shown_on_a_batch_that_is_used_up(place):
    watch = Rows()
    training = small.started(small.HEADS)
    training.run(watch)
    drawn = [head for _, head, _ in watch.reports]
    assert set(drawn) == {"ice", "sea"}
    taken = {head: drawn.count(head) for head in training.feeds}
    for row in watch.rows:
        taken["sea" if drawn[row.step - 1] == "ice" else "ice"] += 1
        assert all(not math.isnan(row.trained[head]["rmse_f"]) for head in row.trained)
    fresh = small.started(small.HEADS).feeds
    for head, count in taken.items():
        for _ in range(count):
            fresh[head].next()
        assert fresh[head].to_plain() == training.feeds[head].to_plain()
        fresh[head].close()


def test_heads_share_what_is_trained_and_the_file_keeps_it(place):
    ended = small.started(small.HEADS).run()
    found = dpa2.load_multitask(ended.file)
    name = "descriptor.repinit.embedding.layers.0.weight"
    assert found["ice"].state_dict()[name] is found["sea"].state_dict()[name]
    assert found["ice"].checkpoint().digest() == ended.models["ice"].checkpoint().digest()


def test_a_training_of_no_steps_writes_the_model_with_its_statistics(place):
    ended = small.started(training__numb_steps=0).run()
    assert ended.file.name == "model.ckpt-0.state"
    assert (np.abs(dpa2.load(ended.file).weights.bias) > 0).all()


def test_the_bias_is_fitted_again_after_the_last_step(place):
    plain = small.ran_in(place / "plain", small.started).models[""]
    ended = small.ran_in(place / "fitted", lambda: small.started(training__change_bias_after_training=True))
    frames = [f for name in ("first", "second") for f in dpa2.read_dataset(place / name, plain.type_map)]
    expected = dpa2.fit_output_bias(plain, frames, change=True)
    found = dpa2.load(place / "fitted" / "model.ckpt.state").weights.bias
    assert np.abs(found - expected.to("numpy").weights.bias).max() < 1e-12
    assert ended.models[""].checkpoint().digest() != plain.checkpoint().digest()


def test_a_loss_that_is_not_finite_keeps_the_last_checkpoint(place):
    small.started(training__numb_steps=3).run()
    before = (place / "model.ckpt.state").read_bytes()
    training = small.resumed("model.ckpt", learning_rate__start_lr=1e200, learning_rate__stop_lr=1e199)
    with pytest.raises(TrainingStopped, match=r"of batch .*frame"):
        training.run()
    assert (place / "model.ckpt.state").read_bytes() == before


# Restarts that cannot be


def test_a_checkpoint_of_another_model_is_refused_by_its_setting(place):
    small.started().run()
    with pytest.raises(InputError, match=r"repformer\.layers is 1 there and 2 in the script"):
        small.resumed("model.ckpt", model__descriptor__repformer__nlayers=2)
    with pytest.raises(InputError, match="holds the heads '', the script has 'ice', 'sea'"):
        small.resumed("model.ckpt", small.HEADS)


def test_a_checkpoint_of_other_data_is_refused(place):
    small.started().run()
    with pytest.raises(InputError, match="training data are others"):
        small.resumed("model.ckpt", training__training_data__systems=["first"])


def test_a_longer_training_goes_on_with_the_rates_of_the_new_script(place):
    small.started().run()
    watch, training = Rows(), small.resumed("model.ckpt", training__numb_steps=8)
    training.run(watch)
    assert [step for step, _, _ in watch.reports] == [7, 8]
    assert [report.rate for _, _, report in watch.reports] == [training.plan.schedule.rate(k) for k in (6, 7)]
