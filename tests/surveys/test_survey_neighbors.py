"""Neighbours are counted as they are, and what a model holds is compared with what it needs."""

from __future__ import annotations

import dataclasses
from collections import Counter

import pytest
from crowds import DENSE, SMALL, by_hand, frame, narrow

from dpa2 import errors, testing
from dpa2.structures.system import System
from dpa2.surveys.neighbors import BlockCounts, survey_neighbors


def counts(block: BlockCounts) -> Counter:
    return Counter({n: int(atoms) for n, atoms in enumerate(block.histogram) if atoms})


def test_neighbours_are_counted_beyond_what_the_model_holds_and_across_cells():
    water = testing.water_box(8, seed=3)
    reaches = SMALL.repinit.cutoff, SMALL.three_body.cutoff, SMALL.repformer.cutoff
    medians = [sorted(by_hand(water, cutoff))[12] for cutoff in reaches]
    for block in survey_neighbors(narrow(*medians), [frame(water)]):
        expected = by_hand(water, block.cutoff)
        assert counts(block) == Counter(expected)
        assert block.largest == max(expected)
        assert expected[block.atom] == block.largest
        assert block.exceeding == sum(n > block.limit for n in expected) > 0


def test_counts_of_several_frames_are_added_and_the_largest_is_found_where_it_is():
    loose, dense = testing.water_box(4, seed=1), System(DENSE, [0] * 27)
    together = survey_neighbors(SMALL, [frame(loose, "loose"), frame(dense, "dense"), frame(loose, "again")])
    apart = zip(survey_neighbors(SMALL, [frame(loose)]), survey_neighbors(SMALL, [frame(dense)]), strict=True)
    for block, (one, other) in zip(together, apart, strict=True):
        assert counts(block) == counts(one) + counts(one) + counts(other)
        where = ("dense", other.atom) if other.largest > one.largest else ("loose", one.atom)
        assert (block.frame, block.atom) == where


def test_virtual_atoms_are_not_counted():
    first, *_ = survey_neighbors(SMALL, [frame(System([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [0, 1, -1]))])
    assert first.histogram.tolist() == [0, 2]
    with pytest.raises(errors.InputError, match="no atoms"):
        survey_neighbors(SMALL, [frame(System([[0, 0, 0]], [-1]))])


@pytest.mark.parametrize("excluded", [(), ((0, 1),)])
@pytest.mark.parametrize("limits", [(20, 5, 8), (60, 4, 50), (60, 8, 9), (60, 40, 45)])
def test_a_block_is_said_to_be_exceeded_where_the_model_refuses(limits, excluded):
    config = dataclasses.replace(narrow(*limits), model_excluded_pairs=excluded)
    system = testing.scattered_atoms(40, types=2, apart=1.0, seed=2)
    exceeded = [(b.largest, b.atom) for b in survey_neighbors(config, [frame(system)]) if b.exceeding]
    if not exceeded:
        testing.perturbed_model(config).evaluate_many([system])
        return
    with pytest.raises(errors.TooManyNeighbors) as refused:
        testing.perturbed_model(config).evaluate_many([system])
    assert (refused.value.count, refused.value.atom) in exceeded


def test_a_model_with_the_limits_to_use_evaluates_what_the_old_one_refused():
    dense = System(DENSE, [0, 1] * 13 + [0])
    found = {block.block: block.advised for block in survey_neighbors(narrow(4, 2, 3), [frame(dense)])}
    with pytest.raises(errors.TooManyNeighbors):
        testing.perturbed_model(narrow(4, 2, 3)).evaluate_many([dense])
    testing.perturbed_model(narrow(found["repinit"], found["three_body"], found["repformer"])).evaluate_many([dense])
