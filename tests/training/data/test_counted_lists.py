"""The count of neighbours before a training keeps its lists, so that no frame is searched twice."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import small_course as small
from training_data import CONFIG, FOLDERS, TYPES

import dpa2.model.preparation
import dpa2.training.data.neighbor_counts
from dpa2.backends.ranks import Alone
from dpa2.errors import TooManyNeighbors
from dpa2.model.preparation import check_system, list_neighbors
from dpa2.training.course import Options
from dpa2.training.course.head_feed import HeadFeed
from dpa2.training.data.kept_lists import FIELDS, KeptLists
from dpa2.training.data.systems import read_systems
from dpa2.training.plan import plan_training
from dpa2.training.script.script import parse_script
from dpa2.training.start import fresh

FRAMES = 5 + 4 + 5  # of the three systems


@pytest.fixture
def searches(tmp_path, monkeypatch):
    """The names of the frames that are searched, in a folder with data."""
    found = []
    search = dpa2.model.preparation.neighbor_list

    def counted(system, *arguments, **options):
        found.append(system.name)
        return search(system, *arguments, **options)

    for module in (dpa2.model.preparation, dpa2.training.data.neighbor_counts):
        monkeypatch.setattr(module, "neighbor_list", counted)
    small.write_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    return found


def batches(options: Options, count: int = 12, **planned) -> list:
    """The lists of the first batches of a training, and of its validation."""
    plan = plan_training(parse_script(small.SCRIPT), memory=options.memory, lists=options.lists, **planned)
    feed = HeadFeed(fresh(plan.script).models[""], plan.tasks[0], options, (1, 2))
    try:
        made = [feed.next() for _ in range(count)] + [b for _ in range(3) for b in feed.next_to_validate()]
    finally:
        feed.close()
    return [found for batch in made for found in batch.prepared.lists]


def test_each_frame_is_searched_once(searches):
    batches(Options())
    assert len(searches) == len(set(searches)) == FRAMES


def test_lists_are_handed_over_to_the_training(searches):
    training = small.started()
    lists = training.feeds[""].training.lists
    assert len(lists.lists) == FRAMES
    assert lists.used > 0
    before = training.plan.tasks[0].lists
    assert (len(before.lists), before.used) == (0, 0)


def test_lists_in_a_folder_are_searched_in_the_first_training_alone(searches, tmp_path):
    options = Options(memory=0, lists=tmp_path / "lists")
    batches(options)
    assert len(searches) == FRAMES
    batches(options)
    assert len(searches) == FRAMES


def test_lists_without_room_are_searched_again_and_memory_stays_bounded(searches):
    options = Options(memory=3000)
    plan = plan_training(parse_script(small.SCRIPT), memory=options.memory)
    assert 0 < plan.tasks[0].lists.used <= options.memory
    expected = batches(Options())
    searches.clear()
    found = batches(options)
    assert len(searches) > FRAMES
    for one, other in zip(found, expected, strict=True):
        assert all(np.array_equal(getattr(one, n), getattr(other, n)) for n in FIELDS)


def test_a_training_without_the_count_searches_when_it_needs_a_list(searches):
    plan = plan_training(parse_script(small.SCRIPT), count=False)
    assert not searches
    assert plan.tasks[0].seen is None


@pytest.mark.parametrize("mode", ["strict", "truncate"])
def test_lists_that_a_model_cuts_short_take_the_place_of_the_whole_ones(mode):
    """Of a model that leaves out pairs of types, and holds fewer neighbours than some atoms of the data have."""
    whole = KeptLists(CONFIG)
    frames = [system.frame(0) for system in read_systems(list(FOLDERS.values()), TYPES)]
    given = {frame.name: check_system(CONFIG, frame.system, frame.name) for frame in frames}
    every = {name: whole.every(name, system) for name, system in given.items()}
    most = max(found.index.shape[1] for found in every.values()) - 1
    blocks = {"repinit": most, "repformer": most - 1, "three_body": most - 1}
    short = {name: dataclasses.replace(getattr(CONFIG, name), max_neighbors=n) for name, n in blocks.items()}
    config = dataclasses.replace(CONFIG, **short, model_excluded_pairs=((0, 1),))
    kept, refused = whole.for_model(config, mode), []
    before = kept.used
    for name, system in given.items():
        try:
            expected = list_neighbors(config, system, mode)
        except TooManyNeighbors as error:
            with pytest.raises(TooManyNeighbors, match=f"atom {error.atom} "):
                kept.of(name, system)
            refused.append(name)
            continue
        found = kept.of(name, system)
        assert kept.of(name, system) is found
        assert all(np.array_equal(getattr(found, n), getattr(expected, n)) for n in FIELDS)
    assert kept.computed == 0
    assert kept.used < before
    assert bool(refused) == (mode == "strict")


def test_of_several_ranks_a_process_keeps_the_lists_of_its_own_frames(searches):
    class First(Alone):
        count, own = 2, (0,)

        def gathered(self, value):
            return [value]

        def from_first(self, value):
            return value

    plan = plan_training(parse_script(small.SCRIPT), ranks=First())
    assert len(searches) == FRAMES
    assert len(plan.tasks[0].lists.lists) == 3 + 2 + 5
