"""Pickles are read as data."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from dpa2.errors import FormatError
from dpa2.serialization import read


def plain_objects():
    leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
    leaves |= arrays(
        st.sampled_from(["<f8", ">f4", "<i8", "?"]), array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
    )
    keys = st.text() | st.integers()
    return st.recursive(
        leaves, lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(keys, inner), max_leaves=20
    )


@given(plain_objects(), st.sampled_from([2, 3, 4]))
def test_plain_pickles_are_read_as_python_reads_them(value, protocol):
    from dpa2.serialization.unpickling.pickles import read_pickle
    from dpa2.serialization.unpickling.tensors import names_of_numpy

    assert same(read_pickle(pickle.dumps(value, protocol), names_of_numpy), value)


def same(found, value) -> bool:
    if isinstance(value, np.ndarray):
        found = found.array
        return (found.dtype, found.shape, found.tobytes()) == (value.dtype, value.shape, value.tobytes())
    if isinstance(value, dict):
        return list(found) == list(value) and all(same(found[key], item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return type(found) is type(value) and len(found) == len(value) and all(map(same, found, value))
    return type(found) is type(value) and found == value


def test_a_pickle_that_calls_a_function_calls_nothing(tmp_path):
    class Trap:
        def __reduce__(self):
            return open, (str(tmp_path / "proof"), "w")

    (tmp_path / "model.pd").write_bytes(pickle.dumps({"model": Trap()}))
    with pytest.raises(FormatError, match="the name"):
        read(tmp_path / "model.pd")
    assert not (tmp_path / "proof").exists()
