"""Checkpoints of Paddle: one pickle with arrays of NumPy in it.

Source: section 9.1 of the description of formats.
"""

from __future__ import annotations

from ..contents import Contents
from ..state.training import find_state, read_training
from ..unpickling.pickles import read_pickle
from ..unpickling.tensors import PickledArray, names_of_numpy
from .container import Container
from .safetensors import is_safetensors


def read_paddle(data: bytes) -> Contents:
    """The models in a training checkpoint of Paddle."""
    state = find_state(read_pickle(data, names_of_numpy))
    return read_training({name: plain(value) for name, value in state.items()}, "Paddle checkpoint")


def plain(value):
    """The array of a tensor, which is pickled alone or after its internal name."""
    value = value[1] if isinstance(value, tuple) and len(value) == 2 else value
    return value.array if isinstance(value, PickledArray) else value


def is_pickle(data: bytes) -> bool:
    """Return whether a file begins like a pickle of protocol 2 or newer, and not with a length as safetensors does."""
    return data[:1] == b"\x80" and 2 <= int.from_bytes(data[1:2], "little") <= 5 and not is_safetensors(data)


CONTAINERS = (
    Container(
        "a pickle",
        (".pd",),
        is_pickle,
        read=lambda path: read_paddle(path.read_bytes()),
        made_by={".pd": "dp convert-backend model.dp model.json"},
    ),
)
