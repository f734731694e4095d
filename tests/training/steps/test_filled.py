"""A batch that is filled up has the loss, the errors and the gradient of the batch itself."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from small_training import EVERY, model
from training_data import CONFIG, FOLDERS, TYPES

from dpa2.batching.plan import ChunkShape
from dpa2.model.preparation import in_chunks
from dpa2.training.data.feed import Feed
from dpa2.training.data.filled import filled
from dpa2.training.data.kept_lists import KeptLists
from dpa2.training.data.room import Room
from dpa2.training.data.source import read_source
from dpa2.training.losses import Labels, Loss
from dpa2.training.script.data import TrainingDataSection
from dpa2.training.steps import Trainer
from dpa2.training.steps.batch import Batch

LABELS = ("energy", "forces", "virial", "atom_energy")


def first_batch(name: str):
    settings = TrainingDataSection(systems=str(FOLDERS[name]), batch_size=2)
    made = Feed(CONFIG, read_source(settings, TYPES, LABELS), LABELS, KeptLists(CONFIG, "truncate"))
    return made.next(made.source.sampler.start(1))


def placed(batch, lists, library: str) -> Batch:
    backend = model(library).backend
    labels = Labels(**{name: backend.asarray(x, backend.wide()) for name, x in batch.known.items()})
    prepared = in_chunks(CONFIG, backend, batch.systems, lists)
    return Batch(prepared, labels, backend.asarray(batch.mask, backend.wide()))


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("more", [(0, 0), (0, 3), (2, 0), (1, 5)], ids=str)
def test_a_filled_batch_has_the_same_loss_and_gradient(name, more):
    pytest.importorskip("torch")
    ready, trainer = first_batch(name), Trainer(model("torch"), Loss(EVERY), 0.02)
    frames, slots = ready.batch.mask.shape
    room = Room(frames + more[0], slots + more[1], ChunkShape(24))
    batch, lists = filled(ready.batch, ready.lists, room)
    assert batch.mask.shape == (room.frames, room.slots)
    expected, slopes = trainer.slopes(placed(ready.batch, ready.lists, "torch"), 0.01)
    found, others = trainer.slopes(placed(batch, lists, "torch"), 0.01)
    assert found.loss == pytest.approx(expected.loss, rel=1e-12)
    assert found.errors == pytest.approx(expected.errors, rel=1e-12, nan_ok=True)
    for key, slope in slopes.items():
        size = float(abs(slope).max())
        assert np.abs(np.asarray(others[key]) - np.asarray(slope)).max() <= 1e-12 * size, key


def test_parameters_of_atoms_and_frames_go_with_the_batch():
    ready = first_batch("sysA")
    given = [
        dataclasses.replace(s, frame_parameters=np.ones(2), atom_parameters=np.ones((len(s.types), 3)))
        for s in ready.batch.systems
    ]
    batch = dataclasses.replace(ready.batch, systems=tuple(given))
    made, _ = filled(batch, ready.lists, Room(3, 12, ChunkShape(24)))
    assert [s.atom_parameters.shape for s in made.systems] == [(12, 3)] * 3
    assert all(np.array_equal(s.frame_parameters, np.ones(2)) for s in made.systems)
    assert (made.systems[2].types == -1).all()
