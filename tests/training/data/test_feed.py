"""Batches with their neighbour lists: made ahead of time, computed once, and continued where they ended."""

from __future__ import annotations

import dataclasses
import threading
import time
from itertools import islice

import numpy as np
import pytest
from training_data import CONFIG, FOLDERS, TYPES, write_folder

from dpa2.errors import FormatError, InputError, WriteFailed
from dpa2.model.preparation import check_system, list_neighbors
from dpa2.training.data.closest import closest_pair
from dpa2.training.data.feed import Feed, weighted_means
from dpa2.training.data.kept_lists import FIELDS, KeptLists
from dpa2.training.data.prefetch import prefetched
from dpa2.training.data.source import read_source, require_known_labels
from dpa2.training.script.data import TrainingDataSection

LABELS = ("energy", "forces")


def feed(*folders, lists=None, min_pair_dist=0.0, **settings) -> Feed:
    given = TrainingDataSection(systems=[str(folder) for folder in folders], **{"batch_size": 2, **settings})
    source = read_source(given, TYPES, LABELS)
    return Feed(CONFIG, source, LABELS, lists or KeptLists(CONFIG, "truncate"), min_pair_dist)


def taken(made: Feed, count: int, state=None, ahead: int = 1):
    items = made.batches(made.source.sampler.start(1) if state is None else state, ahead)
    found = list(islice(items, count))
    items.close()
    return found


def same(one, other) -> bool:
    return one.batch.names == other.batch.names and np.array_equal(
        one.batch.labels["forces"], other.batch.labels["forces"]
    )


def test_lists_are_those_of_the_model():
    for ready in taken(feed(*FOLDERS.values()), 12):
        for system, found in zip(ready.batch.systems, ready.lists, strict=True):
            expected = list_neighbors(CONFIG, system, "truncate")
            assert all(np.array_equal(getattr(found, n), getattr(expected, n)) for n in FIELDS)


def test_making_batches_ahead_changes_nothing():
    made = feed(*FOLDERS.values())
    expected = taken(made, 20, ahead=0)
    for ahead in (1, 5):
        assert all(map(same, taken(made, 20, ahead=ahead), expected))


def test_a_run_that_continues_gets_the_batches_of_one_that_was_not_interrupted():
    """The state is that after the batch that is used, however many are made ahead."""
    made = feed(*FOLDERS.values())
    whole = taken(made, 20, ahead=3)
    again = taken(made, 13, state=whole[6].state, ahead=3)
    assert all(map(same, again, whole[7:]))


def test_a_list_is_computed_once_for_each_frame():
    made = feed(FOLDERS["sysA"], batch_size=1)
    taken(made, 7 * 5, ahead=0)
    assert made.lists.computed == 7
    assert made.lists.used == sum(getattr(x, n).nbytes for x in made.lists.lists.values() for n in FIELDS)


def test_memory_is_bounded_and_lists_without_room_are_computed_again():
    one = feed(FOLDERS["sysA"], batch_size=1)
    taken(one, 7, ahead=0)
    limit = one.lists.used // 2
    made = feed(FOLDERS["sysA"], batch_size=1, lists=KeptLists(CONFIG, "truncate", memory=limit))
    expected = taken(one, 21, ahead=0)
    assert all(map(same, taken(made, 21, ahead=0), expected))
    assert 0 < made.lists.used <= limit
    assert 7 < made.lists.computed < 21


def test_lists_on_disk_are_read_by_the_next_run(tmp_path):
    folder = tmp_path / "lists"
    expected = taken(feed(FOLDERS["sysA"], lists=KeptLists(CONFIG, "truncate", folder=folder)), 8, ahead=0)
    kept = KeptLists(CONFIG, "truncate", memory=0, folder=folder)
    found = taken(feed(FOLDERS["sysA"], lists=kept), 8, ahead=0)
    assert kept.computed == 0
    for a, b in zip(found, expected, strict=True):
        for x, y in zip(a.lists, b.lists, strict=True):
            assert all(np.array_equal(getattr(x, n), getattr(y, n)) for n in FIELDS)
    assert len(list(folder.iterdir())) == 7, "no file is left half written"


def test_a_damaged_file_of_a_list_is_computed_again(tmp_path):
    kept = KeptLists(CONFIG, "truncate", memory=0, folder=tmp_path)
    expected = taken(feed(FOLDERS["sysB"], lists=kept), 5, ahead=0)
    for k, file in enumerate(sorted(tmp_path.iterdir())):
        content = file.read_bytes()
        file.write_bytes([content[:50], b"", b"x" * 1000, content[: len(content) // 2], content[:-9]][k])
    assert all(map(same, taken(feed(FOLDERS["sysB"], lists=kept), 5, ahead=0), expected))
    assert kept.computed == 10


def test_a_name_on_disk_stands_for_all_that_a_list_depends_on():
    frame = feed(FOLDERS["sysA"]).source.systems[0].frame(0)
    system = check_system(CONFIG, frame.system)
    moved = check_system(CONFIG, frame.system)
    moved.coordinates[0, 0] += 1e-12
    longer = dataclasses.replace(
        CONFIG, repinit=dataclasses.replace(CONFIG.repinit, cutoff=CONFIG.repinit.cutoff + 0.1)
    )
    names = {KeptLists(config).digest(s) for config in (CONFIG, longer) for s in (system, moved)}
    assert len(names) == 4


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("no folder")
    made = feed(FOLDERS["sysB"], lists=KeptLists(CONFIG, "truncate", folder=tmp_path / "file"))
    with pytest.raises(WriteFailed, match="another folder"):
        taken(made, 1)


# Frames with atoms that are too close


def close_folder(place, rows, frames=6):
    """A system whose frames of some numbers have two atoms 0.3 Å apart."""
    grid = np.array([[0, 0, 0], [1.5, 0, 0], [0, 1.5, 0]])
    coordinates = np.tile(grid, (frames, 1, 1)).astype(float)
    coordinates[rows, 1] = [0.3, 0, 0]
    return write_folder(place, frames=frames, coord=coordinates.reshape(frames, -1))


def test_frames_with_a_close_pair_are_left_out(tmp_path):
    made = feed(close_folder(tmp_path / "a", [1, 4]), min_pair_dist=0.5)
    seen = [name.rpartition(" ")[2] for ready in taken(made, 30) for name in ready.batch.names]
    assert set(seen) == {"0", "2", "3", "5"}
    assert all(len(ready.batch) in (1, 2) for ready in taken(made, 30))


def test_a_batch_of_which_nothing_is_left_is_replaced_by_the_next(tmp_path):
    made = feed(close_folder(tmp_path / "a", [0, 2, 3]), min_pair_dist=0.5, batch_size=1)
    numbers = [ready.batch.names[0].rpartition(" ")[2] for ready in taken(made, 9)]
    assert [sorted(numbers[k : k + 3]) for k in (0, 3, 6)] == [["1", "4", "5"]] * 3


def test_frames_that_are_all_too_close_are_refused(tmp_path):
    made = feed(close_folder(tmp_path / "a", range(6)), min_pair_dist=0.5)
    with pytest.raises(InputError, match=r"closer than 0\.5 Å; nothing is left"):
        taken(made, 1)


def test_the_closest_pair_is_that_of_all_images_and_not_of_virtual_atoms():
    for name in ("sysA", "mixC"):
        system = check_system(CONFIG, feed(FOLDERS[name]).source.systems[0].frame(3).system)
        places, shifts = system.coordinates[system.types >= 0], np.indices((3, 3, 3)).reshape(3, -1).T - 1
        away = places[:, None, None] - places[None, :, None] - (shifts @ system.cell)[None, None]
        distances = np.linalg.norm(away, axis=-1)
        assert closest_pair(system, 3.0) == pytest.approx(distances[distances > 0].min(), rel=1e-12)
        assert closest_pair(system, 0.1) == np.inf


# Rules of the data as a whole


def test_a_filter_drops_systems_and_the_rest_share_the_steps():
    source = feed(*FOLDERS.values(), batch_size="filter:8").source
    assert [system.name.rpartition("/")[2] for system in source.systems] == ["sysB", "mixC"]
    assert source.sampler.sizes == (1, 1)
    assert source.sampler.probabilities == pytest.approx((5 / 14, 9 / 14))
    assert source.epoch == 14


def test_processes_share_the_frames_of_each_system():
    settings = TrainingDataSection(systems=[str(FOLDERS["sysA"]), str(FOLDERS["sysB"])], batch_size=2)
    whole = read_source(settings, TYPES, LABELS)
    shares = [whole.share(k, 3) for k in range(3)]
    assert [source.sampler.frames for source in shares] == [(3, 2), (2, 2), (2, 1)]
    assert [source.sampler.batches for source in shares] == [(2, 1), (1, 1), (1, 1)]
    assert [source.sampler.probabilities for source in shares] == [
        pytest.approx((2 / 3, 1 / 3)),
        (0.5, 0.5),
        (0.5, 0.5),
    ]
    assert whole.share(0, 1) is whole
    for number, system in enumerate(whole.systems):
        parts = [s.systems[number] for s in shares]
        names = [part.frame(k).name for part in parts for k in range(len(part))]
        assert sorted(names) == sorted(system.frame(k).name for k in range(len(system)))
    with pytest.raises(FormatError, match="5 frames for 6 processes"):
        whole.share(0, 6)


def test_lists_that_are_kept_are_not_mixed_up_between_shares():
    kept = KeptLists(CONFIG, "truncate")
    for number, count in ((0, 1), (1, 2)):
        settings = TrainingDataSection(systems=str(FOLDERS["sysA"]), batch_size=3)
        made = Feed(CONFIG, read_source(settings, TYPES, LABELS).share(number, count), LABELS, kept)
        for ready in taken(made, 4):
            for system, found in zip(ready.batch.systems, ready.lists, strict=True):
                assert np.array_equal(found.vector, list_neighbors(CONFIG, system, "truncate").vector)


def test_a_label_that_no_chosen_system_has_is_refused_before_the_first_step():
    source = feed(FOLDERS["sysA"], FOLDERS["sysB"]).source
    require_known_labels(source, ["energy", "virial"])
    only = feed(FOLDERS["sysA"], FOLDERS["sysB"], sys_probs=[0.0, 1.0]).source
    with pytest.raises(InputError, match=r"no system has virial\.npy") as caught:
        require_known_labels(only, ["energy", "virial"])
    assert caught.value.label == "virial"
    with pytest.raises(InputError, match="atom_ener_coeff"):
        require_known_labels(source, ["energy_coefficients"])
    require_known_labels(source, ["energy_coefficients"], optional=["energy_coefficients"])


def test_validation_is_weighted_by_atoms():
    values = [{"rmse": 1.0, "rmse_f": 2.0}, {"rmse": 3.0, "rmse_f": 6.0}]
    assert weighted_means(values, [30, 10]) == {"rmse": 1.5, "rmse_f": 3.0}


# Threads


def test_items_are_made_while_one_is_used():
    made = []

    def slow():
        for k in range(6):
            made.append(k)
            yield k

    items = prefetched(slow(), 2)
    assert next(items) == 0
    deadline = time.monotonic() + 20
    while len(made) < 4 and time.monotonic() < deadline:  # one used, two wait, one has no room
        time.sleep(0.01)
    assert len(made) == 4
    assert list(items) == [1, 2, 3, 4, 5]


def test_an_error_of_the_thread_is_raised_in_its_place():
    def failing():
        yield 1
        raise InputError("broken", argument="x")

    items = prefetched(failing(), 3)
    assert next(items) == 1
    with pytest.raises(InputError, match="broken"):
        next(items)


def test_no_thread_is_left_when_nobody_wants_more():
    def endless():
        while True:
            yield 1

    items = prefetched(endless(), 2)
    next(items)
    assert [t for t in threading.enumerate() if t.name == "dpa2 batches"]
    items.close()
    assert not [t for t in threading.enumerate() if t.name == "dpa2 batches"]
