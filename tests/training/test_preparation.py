"""The frames from which statistics are taken."""

from __future__ import annotations

import numpy as np
from training_data import write_folder

import dpa2
from dpa2.training.data.feed import Feed
from dpa2.training.data.kept_lists import KeptLists
from dpa2.training.data.source import read_source
from dpa2.training.preparation import sampled_frames
from dpa2.training.script.data import TrainingDataSection


def feed(config, *folders, size=2, min_pair_dist=0.0) -> Feed:
    settings = TrainingDataSection(systems=[str(folder) for folder in folders], batch_size=size)
    source = read_source(settings, config.types)
    return Feed(config, source, (), KeptLists(config), min_pair_dist)


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
