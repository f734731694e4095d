"""A training checkpoint of PyTorch, written without PyTorch.

A pickle of dictionaries in which each array is a reference to raw numbers beside it, in a ZIP archive whose entries
are stored and begin at multiples of 64 bytes. Source: sections 4.1, 4.2 and 4.5 of the description of formats.
"""

from __future__ import annotations

import io
import struct
import zipfile

import numpy

from ...dtypes import DTYPES
from ..bfloat16 import dtype_name
from ..checkpoint import Checkpoint, little_endian
from ..settings.script import config_to_script
from ..state.state import State, checkpoint_to_state
from ..state.training import ALONE, BELOW

ALIGNMENT = 64  # bytes; the content of each entry begins at a multiple of it
ROOT = "model"  # folder that contains all entries
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"  # pushes the function that makes a tensor
ORDERED = b"ccollections\nOrderedDict\n)R"  # pushes an empty dictionary of hooks
# Buffers for the tables of a compressed model, which are empty in others.
PLACEHOLDERS = ("type_embd_data", "compress_info.0", "compress_data.0")
# Last parts of the names of arrays that an optimizer does not change.
NOT_TRAINED = {"min_nbor_dist", "out_bias", "out_std", "mean", "stddev", "type_embd_data", "bias_atom_e", "case_embd"}
NOT_TRAINED |= {f"{kind}param_{part}" for kind in "fa" for part in ("avg", "inv_std")}
# Settings of a new optimizer in a checkpoint of PyTorch.
ADAM = {"lr": 0.001, "initial_lr": 0.001, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0, "amsgrad": False}
ADAM |= {"maximize": False, "foreach": None, "capturable": False, "differentiable": False, "fused": None}
START = {"lr": 0.001, "step": 0}  # state of a training that starts from this checkpoint


def write_checkpoint(checkpoint: Checkpoint) -> bytes:
    """The bytes of a `.pt` file."""
    distance = checkpoint.metadata.get("min_distance", -1.0)
    state = {f"model.{ALONE}.min_nbor_dist": numpy.asarray(distance, "float64")}
    arrays = with_aliases(checkpoint_to_state(checkpoint))
    state |= {f"model.{ALONE}.{BELOW}{name}": array for name, array in arrays.items()}
    extra = {"model_params": config_to_script(checkpoint.config), "train_infos": START}
    emitter = Emitter()
    program = emitter.program({"model": state | {"_extra_state": extra}, "optimizer": fresh_optimizer(state)})
    return archive({"data.pkl": program, "byteorder": b"little"} | emitter.storages | {"version": b"3\n"})


def fresh_optimizer(state: State) -> dict:
    """The state of an Adam optimizer before its first step, for all parameters that a trainer finds in the model."""
    names = (name.rpartition("atomic_model.")[2] for name in state if "._networks." not in name)
    trained = [name for name in names if name.rpartition(".")[2] not in NOT_TRAINED]
    return {"state": {}, "param_groups": [ADAM | {"params": list(range(len(trained)))}]}


def with_aliases(state: State) -> State:
    """The state with everything that a strict reader requires: networks under two names, and empty tables."""
    aliases = {name.replace(".networks.", "._networks."): a for name, a in state.items() if ".networks." in name}
    blocks = [name.removesuffix("mean") for name in state if name.endswith(("repinit.mean", "repinit_three_body.mean"))]
    return state | aliases | {f"{block}{place}": numpy.zeros(0) for block in blocks for place in PLACEHOLDERS}


class Emitter:
    """A writer of pickles of plain values and arrays, which keeps the raw numbers of each array once."""

    def __init__(self):
        self.storages: dict[str, bytes] = {}
        self.keys: dict[int, str] = {}

    def program(self, value) -> bytes:
        """The whole pickle, protocol 2."""
        return b"\x80\x02" + self.emit(value) + b"."

    def emit(self, value) -> bytes:
        """Operations that put a value on the stack."""
        if isinstance(value, numpy.ndarray):
            return self.tensor(value)
        if isinstance(value, dict):
            items = b"".join(self.emit(key) + self.emit(item) for key, item in value.items())
            return b"}(" + items + b"u"
        if isinstance(value, (list, tuple)):
            items = b"".join(map(self.emit, value))
            return b"(" + items + b"t" if isinstance(value, tuple) else b"](" + items + b"e"
        return scalar(value)

    def tensor(self, array: numpy.ndarray) -> bytes:
        """Operations that call PyTorch's function for a tensor, which takes all numbers of a storage."""
        key = self.keys.setdefault(id(array), str(len(self.keys)))
        self.storages[f"data/{key}"] = little_endian(array)
        kind = DTYPES[dtype_name(array)].storage
        words = scalar("storage") + f"ctorch\n{kind}\n".encode() + scalar(key) + scalar("cpu") + scalar(array.size)
        strides = [step // array.itemsize for step in array.strides]
        shape = self.emit(array.shape) + self.emit(tuple(strides))
        return REBUILD + b"((" + words + b"tQ" + scalar(0) + shape + scalar(False) + ORDERED + b"tR"


def scalar(value) -> bytes:
    """Operations that put None, a flag, a number or a word on the stack."""
    if value is None or isinstance(value, bool):
        return {None: b"N", True: b"\x88", False: b"\x89"}[value]
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value) if -(2**31) <= value < 2**31 else f"I{value}\n".encode()
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    text = value.encode()
    return b"X" + struct.pack("<I", len(text)) + text


def archive(entries: dict[str, bytes]) -> bytes:
    """The bytes of a ZIP archive, which are the same for the same entries."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
        for name, content in entries.items():
            entry = zipfile.ZipInfo(f"{ROOT}/{name}")
            entry.extra = padding(buffer.tell() + 30 + len(entry.filename))
            file.writestr(entry, content)
    return buffer.getvalue()


def padding(position: int) -> bytes:
    """An extra field, as PyTorch writes it, up to the next multiple of the alignment."""
    count = -(position + 4) % ALIGNMENT
    return b"FB" + struct.pack("<H", count) + b"Z" * count
