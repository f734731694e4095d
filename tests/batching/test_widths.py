"""Widths of chunks and lengths of arrays: wide enough, few, and seldom new."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from dpa2.batching.widths import CLOSE_LENGTHS, CLOSE_WIDTHS, SHORTEST, LengthCache, WidthCache, few_widths


def test_widths_stay_while_neighbours_come_and_go():
    cache, generator = WidthCache(), np.random.default_rng(0)
    seen = set()
    for _ in range(200):
        needed = sorted(np.array([18, 20, 23, 25, 26, 30]) + generator.integers(-2, 3, 6))
        seen.update(cache.widths_for("repformer", [int(n) for n in needed], step=2, most=48))
    assert len(seen) <= 2


def test_widths_always_suffice_and_never_exceed_max_neighbors():
    cache, generator = WidthCache(), np.random.default_rng(1)
    for _ in range(300):
        needed = [int(n) for n in generator.integers(0, 21, generator.integers(1, 6))]
        widths = cache.widths_for("repformer", needed, step=int(generator.integers(1, 9)), most=20)
        assert all(n <= w <= 20 for n, w in zip(needed, widths, strict=True))


@pytest.mark.parametrize("seed", range(20))
def test_no_other_choice_of_few_widths_has_fewer_pairs_of_slots(seed):
    generator = np.random.default_rng(seed)
    needed, count = [int(n) for n in generator.integers(1, 9, 6)], int(generator.integers(2, 4))
    chosen = few_widths(needed, count)
    assert all(w >= n for w, n in zip(chosen, needed, strict=True))
    assert len(set(chosen)) <= count
    others = (c for c in product(*(range(n, max(needed) + 1) for n in needed)) if len(set(c)) <= count)
    assert sum(w * w for w in chosen) == min(sum(w * w for w in c) for c in others)


def test_many_chunks_get_a_third_width():
    needed = [22] * 20 + [26] * 10 + [34] * 2
    few, many = (WidthCache().widths_for("repformer", list(widths), step=2) for widths in (needed[::2], needed))
    assert sorted(set(few)) == [26, 38]
    assert sorted(set(many)) == [22, 26, 38]


def test_a_length_stays_whatever_other_lengths_come():
    cache, generator = LengthCache(), np.random.default_rng(0)
    found: dict[int, int] = {}
    for needed in map(int, generator.integers(1, 5000, 2000)):
        length = cache.length_for(needed)
        assert needed <= length <= max(2 * needed, SHORTEST)
        assert found.setdefault(needed, length) == length


def test_lengths_of_all_numbers_of_rows_are_few():
    cache = LengthCache()
    lengths = {cache.length_for(needed) for needed in map(int, np.random.default_rng(0).integers(1, 10**6, 5000))}
    assert len(lengths) <= CLOSE_LENGTHS + 11  # powers of two from 1024 to 1,048,576


@pytest.mark.parametrize("name", ["repinit", "repformer"])
def test_widths_of_all_numbers_of_neighbours_are_few(name):
    cache, generator, seen = WidthCache(), np.random.default_rng(0), set()
    for _ in range(1000):
        needed = [int(n) for n in generator.integers(0, 121, generator.integers(1, 40))]
        widths = cache.widths_for(name, needed, step=2, most=120)
        assert all(n <= w <= 120 for n, w in zip(needed, widths, strict=True))
        seen.update(widths)
    assert len(seen) <= CLOSE_WIDTHS + 2 + 9  # rungs from 8 to 120; the last close choice may add three widths
