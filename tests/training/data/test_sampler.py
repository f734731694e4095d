"""The order of batches: every frame once before any comes again, and the same again from a state that was kept."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpa2.training.data.sampler import Sampler, SamplerState, first_frames

SAMPLER = Sampler((7, 5), (2, 3), (0.5, 0.5))


def draws(sampler: Sampler, state: SamplerState, count: int):
    choices = []
    for _ in range(count):
        choice, state = sampler.draw(state)
        choices.append(choice)
    return choices, state


@given(st.integers(0, 10**6))
def test_every_frame_comes_once_before_one_comes_again(seed):
    choices, _ = draws(SAMPLER, SAMPLER.start(seed), 60)
    for system, (frames, size, batches) in enumerate(zip(SAMPLER.frames, SAMPLER.sizes, (4, 2), strict=True)):
        own = [c.frames for c in choices if c.system == system]
        for k in range(0, len(own) - batches + 1, batches):
            epoch = own[k : k + batches]
            assert sorted(sum(epoch, ())) == list(range(frames))
            assert [len(batch) for batch in epoch[:-1]] == [size] * (batches - 1)
    assert SAMPLER.batches == (4, 2)


@given(st.integers(0, 10**6), st.integers(0, 30))
def test_a_state_that_was_written_and_read_goes_on_in_the_same_way(seed, before):
    _, state = draws(SAMPLER, SAMPLER.start(seed), before)
    written = SamplerState.from_plain(json.loads(json.dumps(state.to_plain())))
    expected, _ = draws(SAMPLER, state, 20)
    assert draws(SAMPLER, written, 20)[0] == expected
    assert draws(SAMPLER, state, 20)[0] == expected, "a draw must not change the state that it is given"


def test_seeds_decide():
    def first(seed):
        return draws(SAMPLER, SAMPLER.start(seed), 20)[0]

    assert first(1) == first(1)
    assert first(1) != first(2)
    assert first(None) != first(None)


def test_systems_are_chosen_with_their_probabilities():
    sampler = Sampler((9, 9, 9), (1, 1, 1), (0.2, 0.0, 0.8))
    choices, _ = draws(sampler, sampler.start(5), 4000)
    shares = np.bincount([c.system for c in choices], minlength=3) / 4000
    assert shares[1] == 0
    assert shares == pytest.approx([0.2, 0.0, 0.8], abs=0.03)  # four deviations of a binomial distribution


def test_the_sample_for_statistics_is_of_batches_and_all_frames_where_there_are_fewer():
    sample = first_frames(SAMPLER, 2, seed=3)
    assert [len(rows) for rows in sample] == [4, 5]
    assert sorted(sample[1]) == list(range(5))
    assert all(len(set(rows)) == len(rows) for rows in sample)
    assert first_frames(SAMPLER, 2, seed=3) == sample
