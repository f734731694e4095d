"""The room of batches: the same for all batches of a system, few for all systems, and little larger than needed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import small_course as small
from training_data import write_folder

from dpa2 import testing
from dpa2.batching.plan import ChunkShape, plan
from dpa2.batching.table import Cutoffs
from dpa2.batching.widths import WidthCache
from dpa2.neighbors import neighbor_list
from dpa2.structures.system import checked
from dpa2.training.data.largest_counts import largest_counts
from dpa2.training.data.room import GROUPS, Demand, rooms_for

SHAPE = ChunkShape(size=24, step=2, uniform=("repinit",), filled=True, width_cache=WidthCache())
LARGE = dataclasses.replace(SHAPE, size=4096, step=4, min_size=32)  # that of GPUs
CUTOFFS = Cutoffs((6.0, 120), (4.0, 48), (4.0, 48), (), 2)  # those of DPA-2's medium model


def cluster(molecules: int, seed: int, periodic: bool = False):
    """Water molecules of about the density of the liquid, as a list of all neighbours and its types."""
    system = testing.water_box(molecules, seed=seed)
    system = system if periodic else dataclasses.replace(system, cell=None, pbc=None)
    ready = checked(system, ("O", "H"))
    return ready.types, neighbor_list(ready, 6.0, 10**6)


def demand(frames: list, size: int) -> Demand:
    counts = {}
    for _, found in frames:
        counts = largest_counts(found, CUTOFFS, counts)
    return Demand(size, len(frames[0][0]), counts)


def shapes(frames: list, shape: ChunkShape) -> tuple:
    """The shapes of the chunks of a batch."""
    types, lists = zip(*frames, strict=True)
    made = plan(types, lists, CUTOFFS, shape)
    return tuple((c.near.shape, c.three_body_width, c.repformer_width, c.incoming.shape) for c in made.chunks)


def padded(frames: list, room) -> list:
    """Frames with virtual atoms at one place, which have no neighbours."""
    extra = room.slots - len(frames[0][0])
    found = []
    for types, lists in frames:
        more = {
            name: np.pad(x, [(0, extra)] + [(0, 0)] * (x.ndim - 1), constant_values=-1 if name == "index" else 0)
            for name, x in vars(lists).items()
        }
        more["distance"][len(types) :] = np.inf
        found.append((np.pad(types, (0, extra)), dataclasses.replace(lists, **more)))
    return found


SIZES = range(1, 21)


@pytest.fixture(scope="module")
def data():
    """Frames of clusters of 1 to 20 molecules and of a box of 64, by their numbers of molecules."""
    return {n: [cluster(n, 100 * n + k) for k in range(6)] for n in SIZES} | {
        64: [cluster(64, k, periodic=True) for k in range(3)]
    }


def rooms_of(data, shape=SHAPE):
    sizes = {n: min(-(-32 // (3 * n)), len(frames)) for n, frames in data.items()}
    demands = [demand(frames, sizes[n]) for n, frames in data.items()]
    return dict(zip(data, rooms_for(demands, CUTOFFS, shape), strict=True))


@pytest.mark.parametrize("shape", [SHAPE, LARGE], ids=["small chunks", "large chunks"])
def test_all_batches_of_a_system_have_the_same_shapes_whatever_frames_they_have(data, shape):
    generator, rooms = np.random.default_rng(0), rooms_of(data, shape)
    for n, frames in data.items():
        room, seen = rooms[n], set()
        for _ in range(4):
            rows = generator.choice(len(frames), room.frames, replace=False)
            seen.add(shapes(padded([frames[k] for k in rows], room), room.shape))
        assert len(seen) == 1, n


def test_shapes_of_data_of_many_sizes_are_few(data):
    rooms, found = rooms_of(data), set()
    for n, frames in data.items():
        found |= set(shapes(padded(frames[: rooms[n].frames], rooms[n]), rooms[n].shape))
    assert len(found) <= 2 * GROUPS
    assert len({(room.frames, room.slots) for room in rooms.values()}) <= 10


def test_frames_are_filled_up_to_the_rows_that_chunks_have_anyway(data):
    for n, room in rooms_of(data).items():
        atoms = 3 * n * room.frames
        assert 3 * n <= room.slots
        assert room.frames * room.slots <= -(-atoms // 24) * 24


def test_data_of_one_size_are_padded_little(data):
    """Slots of repinit's list, and pairs of slots of the repformer's, beside the growing widths of evaluations."""
    frames = data[64]
    (room,) = rooms_for([demand(frames, 1)], CUTOFFS, SHAPE)
    growing = dataclasses.replace(SHAPE, width_cache=WidthCache())
    assert room.slots == 192
    for frame in frames:
        ours, plain = shapes(padded([frame], room), room.shape), shapes([frame], growing)
        for work in (lambda near, _three, _former, _edges: near[1], lambda _near, _three, former, _edges: former**2):
            assert sum(work(*c) for c in ours) <= 1.15 * sum(work(*c) for c in plain)


def test_without_counts_widths_are_those_of_the_library(data):
    demands = [dataclasses.replace(demand(data[1], 6), counts=None), demand(data[2], 3)]
    assert [room.shape for room in rooms_for(demands, CUTOFFS, SHAPE)] == [SHAPE, SHAPE]


def test_a_system_without_frames_that_count_has_room(data):
    first, second = rooms_for([Demand(2, 3, {}), demand(data[2], 3)], CUTOFFS, SHAPE)
    assert (first.frames, second.frames) == (2, 3)


@pytest.mark.parametrize("count", [True, False])
def test_batches_of_a_training_on_jax_have_the_shapes_of_its_first_epoch(count, tmp_path, monkeypatch):
    """Also those to validate on, and the last of an epoch, which has fewer frames; sizes even without the count."""
    pytest.importorskip("jax")
    frames, atoms, generator = 7, 14, np.random.default_rng(0)
    sites = 1.2 * np.array(list(np.ndindex(3, 3, 3)))[:atoms]
    places = sites * np.linspace(1.0, 2.6, frames)[:, None, None] + generator.normal(0, 0.05, (frames, atoms, 3))
    arrays = {"coord": places.reshape(frames, -1), "force": generator.normal(size=(frames, 3 * atoms))}
    write_folder(tmp_path / "data", types=[0, 1] * 7, frames=frames, **arrays)
    monkeypatch.chdir(tmp_path)
    settings = {f"model__descriptor__{name}__nsel": n for name, n in (("repinit", 40), ("repformer", 30))}
    settings |= {"training__training_data": {"systems": "data", "batch_size": 2}}
    settings |= {"training__validation_data": {"systems": "data", "batch_size": 2, "numb_btch": 4}}
    feed = small.started(library="jax", count=count, **settings).feeds[""]
    seen = set()
    for k in range(12):
        validated = feed.next_to_validate() if k < 2 else []
        for batch in [feed.next(), *validated]:
            chunks = tuple((c.near.shape, c.repformer_width, c.incoming.shape) for c in batch.prepared.chunks)
            rows = batch.prepared.row_map
            seen.add((batch.real.shape, rows.near.shape, rows.inverse.shape, *(chunks if count else ())))
    feed.close()
    assert len(seen) == 1
