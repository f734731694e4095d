"""How long a training is, from steps, epochs, or epochs of heads."""

from __future__ import annotations

import pytest
from training_data import FOLDERS, TYPES
from training_scripts import GONE, HEADS, SINGLE, changed

from dpa2.training.data.length import length_of
from dpa2.training.data.source import read_source
from dpa2.training.script.script import parse_script


def sources(script):
    return [read_source(task.training_data, TYPES) for task in script.tasks]


def read(script, changes):
    found = parse_script(changed(script, changes))
    return length_of(found, sources(found))


DATA = {"training.training_data": {"systems": [str(FOLDERS["sysA"]), str(FOLDERS["sysB"])], "batch_size": 2}}
OF_HEADS = {
    "training.data_dict.ice.training_data": {"systems": [str(FOLDERS["sysB"])], "batch_size": 2},  # 3 batches
    "training.data_dict.sea.training_data": {  # 4 and 5 batches
        "systems": [str(FOLDERS["sysA"]), str(FOLDERS["mixC"])], "batch_size": 2},
}  # fmt: skip


def test_steps_are_as_given():
    assert read(SINGLE, DATA).steps == 100


@pytest.mark.parametrize(("epochs", "steps"), [(1, 7), (2.5, 18), (0, 0)])
def test_epochs_are_steps_in_which_every_batch_comes_once_on_average(epochs, steps):
    assert read(SINGLE, DATA | {"training.numb_steps": GONE, "training.numb_epoch": epochs}).steps == steps


def test_heads_are_chosen_by_their_shares_or_their_numbers_of_systems():
    length = read(HEADS, OF_HEADS)
    assert (length.steps, length.probabilities) == (100, pytest.approx((1 / 3, 2 / 3)))
    length = read(HEADS, OF_HEADS | {"training.model_prob": {"ice": 3, "sea": 1}})
    assert length.probabilities == (0.75, 0.25)


def test_epochs_of_heads_give_steps_and_shares():
    length = read(HEADS, OF_HEADS | {"training.numb_steps": GONE, "training.num_epoch_dict": {"ice": 10, "sea": 2}})
    assert length.steps == 10 * 3 + 2 * 9
    assert length.probabilities == pytest.approx((30 / 48, 18 / 48))
