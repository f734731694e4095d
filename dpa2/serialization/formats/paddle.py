"""Checkpoints of Paddle: one pickle with arrays of NumPy in it.

Source: section 9.1 of the description of formats.
"""

from __future__ import annotations

from ..contents import Contents
from ..state.training import find_state, read_training
from ..unpickling.pickles import read_pickle
from ..unpickling.tensors import PickledArray, names_of_numpy


def read_paddle(data: bytes) -> Contents:
    """What a training run left."""
    state = find_state(read_pickle(data, names_of_numpy))
    return read_training({name: plain(value) for name, value in state.items()}, "Paddle checkpoint")


def plain(value):
    """The array of a tensor, which is pickled alone or after its internal name."""
    value = value[1] if isinstance(value, tuple) and len(value) == 2 else value
    return value.array if isinstance(value, PickledArray) else value
