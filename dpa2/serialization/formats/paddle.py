"""Checkpoints of Paddle: one pickle with arrays of NumPy in it.

Source: section 9.1 of the description of formats.
"""

from __future__ import annotations

from ..contents import Contents
from ..state.training import read_training
from ..unpickling.old_archives import is_old_archive
from ..unpickling.pickles import read_pickle
from ..unpickling.tensors import names_of_numpy
from .container import Container, to_bytes
from .paddle_writer import write_paddle
from .safetensors import is_safetensors


def read_paddle(data: bytes) -> Contents:
    """The models in a training checkpoint of Paddle."""
    return read_training(read_pickle(data, names_of_numpy), "Paddle checkpoint")


def is_pickle(data: bytes) -> bool:
    """Return whether a file begins like a pickle of protocol 2 or newer and is in no other format."""
    begins = data[:1] == b"\x80" and 2 <= int.from_bytes(data[1:2], "little") <= 5
    return begins and not is_safetensors(data) and not is_old_archive(data)


CONTAINERS = (
    Container(
        "a pickle",
        (".pd",),
        is_pickle,
        read=lambda path: read_paddle(path.read_bytes()),
        write=to_bytes(write_paddle),
        written=(".pd",),
    ),
)
