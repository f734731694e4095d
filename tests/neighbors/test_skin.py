"""Lists that are kept while atoms move."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from neighbor_systems import EVERYTHING, same, system, systems

from dpa2.errors import InputError, TooManyNeighbors
from dpa2.neighbors import SkinList, neighbor_list
from dpa2.structures.lattice import wrapped
from dpa2.structures.system import System


@settings(max_examples=60, deadline=None)
@given(systems(), st.integers(0, 2**31), st.sampled_from([0.0, 0.3, 1.0]), st.booleans())
def test_kept_list_equals_a_fresh_search_along_random_walks(case, seed, skin, rewrap):
    rng = np.random.default_rng(seed)
    kept = SkinList(3.0, 20, skin, excluded_pairs=[(0, 1)], neighbors="truncate")
    coordinates = case.coordinates + rng.normal(size=case.coordinates.shape)
    for _ in range(12):
        now = System(wrapped(coordinates, case.cell) if rewrap else coordinates, case.types, case.cell)
        fresh = neighbor_list(now, 3.0, 20, excluded_pairs=[(0, 1)], neighbors="truncate")
        assert same(kept.update(now), fresh)
        coordinates = coordinates + 0.1 * rng.normal(size=coordinates.shape)


def count_searches(monkeypatch) -> list:
    """A list that grows with every search for pairs."""
    module, calls = sys.modules["dpa2.neighbors.search"], []
    search = module.vesin_pairs
    monkeypatch.setattr(module, "vesin_pairs", lambda *arguments: calls.append(1) or search(*arguments))
    return calls


def test_small_steps_do_not_search_again_even_across_a_face(monkeypatch):
    calls = count_searches(monkeypatch)
    kept, cell = SkinList(3.0, EVERYTHING, 1.0), np.array([[5.0, 0, 0], [1, 6, 0], [0, 1, 7]])
    start = np.array([[0.1, 0.1, 0.1], [2.0, 1.0, 0.5], [4.9, 3.0, 2.0]])
    for step in np.linspace(0, 0.4, 9):
        case = system(start - [step, 0, 0], cell)
        assert same(kept.update(case), neighbor_list(case, 3.0, EVERYTHING))
    assert len(calls) == 1 + 9  # one of its own, nine of the fresh lists


def test_only_a_long_move_another_cell_or_other_types_search_again(monkeypatch):
    calls = count_searches(monkeypatch)
    kept, start, cell = SkinList(3.0, EVERYTHING, 1.0), np.array([[0.0, 0, 0], [1, 0, 0]]), np.eye(3) * 9
    near, far = start + np.array([0.5, 0, 0]), start + np.array([0.5001, 0, 0])
    steps = [
        (system(start, cell), 1),
        (system(near, cell), 1),
        (system(far, cell), 2),
        (system(far, cell * 1.01), 3),
        (system(far, cell * 1.01, [0, 1]), 4),
        (system(far, None, [0, 1]), 5),
        (system([[0, 0, 0]], None), 6),
    ]
    for case, searches in steps:
        kept.update(case)
        assert len(calls) == searches


def test_kept_list_refuses_what_a_search_refuses():
    kept = SkinList(3.0, 1, 1.0)
    kept.update(system([[0, 0, 0], [1, 0, 0], [4.2, 0, 0]]))
    with pytest.raises(TooManyNeighbors):
        kept.update(system([[0, 0, 0], [1, 0, 0], [3.9, 0, 0]]))
    with pytest.raises(InputError, match="same place"):
        kept.update(system([[0, 0, 0], [0, 0, 0], [9, 0, 0]]))
