"""Sizes of chunks: by the number of atoms, by the precision, and as the user says."""

from __future__ import annotations

import pytest
from libraries import LIBRARIES

from dpa2 import testing
from dpa2.batching.plan import MIN_CHUNKS, ChunkShape


@pytest.mark.parametrize("library", LIBRARIES)
def test_chunks_in_half_the_precision_hold_twice_the_atoms(library):
    model = testing.perturbed_model(testing.small_config(), seed=1)
    double, single = (model.to(library, dtype=dtype).backend.shape for dtype in ("float64", "float32"))
    assert (single.size, single.step, single.uniform) == (2 * double.size, double.step, double.uniform)
    assert model.to(library, dtype="float32", chunk=5).backend.shape.size == 5


def test_chunks_grow_only_where_there_are_many():
    shape = ChunkShape(size=24, max_size=64)
    assert shape.atoms_in_chunk(24 * MIN_CHUNKS) == 24
    assert shape.atoms_in_chunk(30 * MIN_CHUNKS) == 30
    assert shape.atoms_in_chunk(100 * MIN_CHUNKS) == 64


def test_a_size_that_the_user_chose_stays_however_many_atoms_there_are():
    assert ChunkShape(size=24, max_size=64).of_size(8).atoms_in_chunk(10**6) == 8


@pytest.mark.parametrize("atoms", [1, 31, 33, 4096, 4097, 9000])
def test_chunks_with_a_smallest_size_are_divided_evenly(atoms):
    size = ChunkShape(size=4096, min_size=32).atoms_in_chunk(atoms)
    chunks = -(-atoms // size)
    assert size >= 32
    assert chunks == -(-atoms // 4096)
    assert chunks == 1 or atoms / chunks > size / 1.1
