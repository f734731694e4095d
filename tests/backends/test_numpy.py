"""NumPy: memory that is used again."""

from __future__ import annotations

import numpy as np

from dpa2.backends import backend


def test_numpy_lays_arrays_in_the_memory_that_it_gave_before():
    first, second = backend("numpy").joiner(), backend("numpy").joiner()
    parts = [np.ones((3, 2)), np.zeros((2, 2))]
    given, other = first(parts), second(parts)
    assert first([2.0 * p for p in parts]) is given
    assert np.array_equal(other, np.concatenate(parts))  # what another function gave stays
