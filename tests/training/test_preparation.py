"""What a fresh model takes from data, against the files with which DeePMD-kit's trainings began."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from training_data import FOLDERS, TRAINING, write_folder

import dpa2
from dpa2.errors import InputError
from dpa2.training.data.feed import Feed
from dpa2.training.data.kept_lists import KeptLists
from dpa2.training.data.source import read_source
from dpa2.training.preparation import prepared, sampled_frames
from dpa2.training.script.data import TrainingDataSection
from dpa2.training.script.file import read_script

BLOCKS = ("repinit", "three_body", "repformer")


def feed(config, *folders, size=2, min_pair_dist=0.0) -> Feed:
    settings = TrainingDataSection(systems=[str(folder) for folder in folders], batch_size=size)
    source = read_source(settings, config.types)
    return Feed(config, source, (), KeptLists(config), min_pair_dist)


def assert_prepared(found: dpa2.Model, expected: dpa2.Model):
    for block in BLOCKS:
        own, theirs = (getattr(m.weights.descriptor, block).environment for m in (found, expected))
        np.testing.assert_allclose(own.std, theirs.std, rtol=1e-12)
        np.testing.assert_allclose(own.mean, theirs.mean, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found.weights.bias, expected.weights.bias, rtol=1e-12)
    np.testing.assert_allclose(found.weights.deviation, expected.weights.deviation, rtol=1e-11)


def test_a_model_begins_with_the_statistics_of_the_references_training():
    script = read_script(TRAINING / "allterms_adamw" / "input.json")
    frames = sampled_frames(feed(script.config(), FOLDERS["sysA"], FOLDERS["sysB"]), 10, seed=3)
    assert len(frames) == 12
    found = prepared(dpa2.build(script.config(), seed=1), frames)
    assert_prepared(found, dpa2.load(TRAINING / "allterms_adamw" / "initial.dp"))


def test_a_sample_counts_batches_and_leaves_out_close_atoms(tmp_path):
    config = dpa2.testing.small_config()
    coordinates = np.tile([[0, 0, 0], [1.5, 0, 0], [0, 1.5, 0]], (8, 1, 1)).astype(float)
    coordinates[::2, 1, 0] = 0.2
    place = write_folder(tmp_path / "a", frames=8, coord=coordinates.reshape(8, 9))
    assert len(sampled_frames(feed(config, place), 3, 1)) == 6
    assert len(sampled_frames(feed(config, place), 9, 1)) == 8
    some = {frame.name for frame in sampled_frames(feed(config, place, min_pair_dist=0.5), 4, 1)}
    assert some == {f"{place / 'set.000'} frame {k}" for k in (1, 3, 5, 7)}
    one, other = ([f.name for f in sampled_frames(feed(config, place), 2, seed)] for seed in (1, 2))
    assert one != other


def test_nothing_to_take_statistics_from_is_refused():
    model = dpa2.build(dpa2.testing.small_config(), seed=1)
    with pytest.raises(InputError, match="there are no frames"):
        prepared(model, [])
    frames = [dataclasses.replace(f, energy=None) for f in dpa2.read_dataset(FOLDERS["sysB"])]
    with pytest.raises(InputError, match="energies"):
        prepared(model, frames)
