"""A training checkpoint of Paddle, written without Paddle.

A pickle of dictionaries in which each tensor is a pair of its internal name and an array of NumPy. Source: section 9.1
of the description of formats.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy

from ...config import DPA2Config
from ...errors import TargetLacks
from ..checkpoint import Checkpoint, little_endian
from ..settings.script import config_to_script
from ..state.state import State, checkpoint_to_state
from ..state.training import ALONE, BELOW
from .pytorch_writer import FRESH, PLACEHOLDERS, with_aliases
from .torch_archive import Emitter, scalar

RECONSTRUCT = b"cnumpy._core.multiarray\n_reconstruct\ncnumpy\nndarray\n"  # pushes a function and its first argument
DTYPE = b"cnumpy\ndtype\n"  # pushes the function that makes a dtype
# Statistics that are in double precision whatever the model, by the ends of their names; those of repinit are not.
WIDE = tuple(f"{block}.{kind}" for block in ("repinit_three_body", "repformers") for kind in ("mean", "stddev"))
SCHEDULE = {"LR_Scheduler": {"last_epoch": 0, "last_lr": FRESH.rate}}  # all that a new optimizer has


def write_paddle(checkpoint: Checkpoint) -> bytes:
    """The bytes of a `.pd` file."""
    distance = checkpoint.metadata.get("min_distance")
    require_no_bfloat16(checkpoint.config)
    state = tensors(checkpoint) | buffers(checkpoint.config)
    state = {f"model.{ALONE}.{BELOW}{name}": array for name, array in state.items()}
    if distance is not None:
        state[f"model.{ALONE}.min_nbor_dist"] = numpy.asarray(distance, "float64")
    named = {name: (name.replace("._networks.", ".networks."), array) for name, array in state.items()}
    extra = {"model_params": config_to_script(checkpoint.config), "train_infos": FRESH.infos()}
    return PaddleEmitter().program({"model": named | {"_extra_state": extra}, "optimizer": SCHEDULE})


def require_no_bfloat16(config: DPA2Config) -> None:
    """Raise `TargetLacks` for a precision that arrays of NumPy do not have."""
    if "bfloat16" in (config.dtype, config.fitting.dtype):
        what = "bfloat16: models of this precision are not written as .pd; write .safetensors or .dp"
        raise TargetLacks(what, what="bfloat16")


def tensors(checkpoint: Checkpoint) -> State:
    """The weights; zeros in the places for tables of the descriptor's first block, which is not compressed."""
    state = with_aliases(checkpoint_to_state(checkpoint))
    state = {name: array for name, array in state.items() if not name.endswith(PLACEHOLDERS)}
    state |= {name: array.astype("float64") for name, array in state.items() if name.endswith(WIDE)}
    zeros = numpy.zeros((), checkpoint.config.dtype)
    return state | {f"descriptor.repinit.{place}": zeros for place in PLACEHOLDERS if place.startswith("compress_")}


def buffers(config: DPA2Config) -> dict[str, Any]:
    """The settings that Paddle keeps among the tensors; readers take them from the script."""
    kinds = numpy.array([ord(letter) for letter in " ".join(config.types)])
    count, fit = len(config.types), config.fitting
    names = {"repinit": config.repinit, "repinit_three_body": config.three_body, "repformers": config.repformer}
    blocks = {f"descriptor.{name}.buffer_": block for name, block in names.items() if block is not None}
    of_model = {"ntypes": count, "has_message_passing": 1, "dfparam": fit.frame_parameters}
    of_model |= {"daparam": fit.atom_parameters, "aparam_nall": 0}
    return (
        {"buffer_type_map": kinds.astype("i4"), "buffer_rcut": numpy.asarray(config.repinit.cutoff, "f8")}
        | {f"buffer_{name}": numpy.asarray(value, "i4") for name, value in of_model.items()}
        | {f"{part}.buffer_type_map": kinds.astype("i8") for part in ("descriptor", "fitting_net")}
        | {"descriptor.buffer_ntypes": numpy.asarray(count, "i8")}
        | {f"{place}ntypes": numpy.asarray(count, "i8") for place in blocks}
        | {f"{place}rcut": numpy.asarray(block.cutoff, "f4") for place, block in blocks.items()}
        | {f"{place}rcut_smth": numpy.asarray(block.inner_cutoff, "f4") for place, block in blocks.items()}
        | {"fitting_net.buffer_numb_fparam": numpy.array([fit.frame_parameters], "i8")}
        | {"fitting_net.buffer_numb_aparam": numpy.array([fit.atom_parameters], "i8")}
    )


class PaddleEmitter(Emitter):
    """A writer of pickles of plain values and arrays of NumPy."""

    def program(self, value: Any) -> bytes:
        """The whole pickle, protocol 4."""
        return b"\x80\x04" + self.emit(value) + b"."

    def tensor(self, array: numpy.ndarray) -> bytes:
        """Operations that make an empty array, and set its shape, dtype and numbers."""
        kind = scalar(f"{array.dtype.kind}{array.dtype.itemsize}")
        order = b"(" + scalar(3) + scalar("<") + 3 * scalar(None) + 2 * scalar(-1) + scalar(0) + b"tb"
        dtype = DTYPE + b"(" + kind + scalar(False) + scalar(True) + b"tR" + order
        content = scalar(False) + data(little_endian(array)) + b"tb"
        empty = b"(" + scalar(0) + b"t" + data(b"b") + b"\x87R"
        return RECONSTRUCT + empty + b"(" + scalar(1) + self.emit(array.shape) + dtype + content


def data(content: bytes) -> bytes:
    """Operations that put bytes on the stack."""
    return b"\x8e" + struct.pack("<Q", len(content)) + content
