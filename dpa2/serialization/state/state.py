"""A state dictionary and the script beside it as a checkpoint, and back.

Source: sections 4.2 to 4.5, 6 and 10.2 of the description of formats.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy

from ...config import DPA2Config
from ...errors import FormatError, UnsupportedModel, shorten
from ..checkpoint import Checkpoint
from ..inventory import require_all
from ..settings.native_only import require_spelled
from ..settings.plain import as_json
from ..settings.script import script_to_config
from ..settings.spelling import compressed
from ..tree.layout import model_layout
from ..tree.packing import TreeArray
from .names import IGNORED, PYTORCH, TABLES, Dialect, dialect_of, tree_arrays
from .options import completed

State = dict[str, numpy.ndarray]
Written = dict[tuple, tuple[list, numpy.ndarray]]  # arrays that were packed already, with the tensors in them


def state_to_checkpoint(state: State, script, notes: dict, read: dict | None = None) -> Checkpoint:
    """The model whose arrays are in `state`, under their names below `atomic_model`.

    `read` collects the tensors of arrays that were already read, so that models which share an array share it here too.
    """
    dialect, script = dialect_of(state), plain_script(script)
    config = with_tables(script_to_config(completed(script, state, dialect)), state)
    require_layers(config, state)
    places = {dialect.name(place): array for place, array in tree_arrays(model_layout(config))}
    require_known(state, places)
    weights: State = {}
    for name, wanted in places.items():
        weights |= take(wanted, state.get(name), {} if read is None else read)
    return Checkpoint(config, require_all(weights, config), notes | {"script": script})


def take(wanted: TreeArray, array, read: dict) -> State:
    """The tensors in one array; the same array is unpacked once."""
    if not isinstance(array, numpy.ndarray):
        return wanted.read(array)
    key = wanted.names, array.__array_interface__["data"][0], array.shape, array.strides, array.dtype.str
    if key not in read:
        read[key] = array, wanted.read(array)  # the array is kept, so that its address stays its own
    return read[key][1]


def require_layers(config: DPA2Config, state: State) -> None:
    """Refuse more layers than there are arrays, before a layout is made for a forged number of them."""
    if config.repformer.layers > len(state):
        raise FormatError(f"{len(state)} tensors are too few for {config.repformer.layers} layers")


def require_known(state: State, places: Iterable[str]) -> None:
    """Refuse an array that is neither one of the model's nor one that can be ignored."""
    for name in state:
        if name not in places and not IGNORED.search(name) and not TABLES.search(name):
            raise FormatError(f"tensor {shorten(name)} belongs to no part of this model", tensor=name)


def with_tables(config: DPA2Config, state: State) -> DPA2Config:
    """The settings of a compressed model if there are tables that are not empty."""
    types, table = (state.get(f"descriptor.repinit.{name}") for name in ("type_embd_data", "compress_data.0"))
    if types is None or types.ndim != 2:
        return config
    return compressed(config, len(table) if table is not None and table.ndim == 2 else 0)


def plain_script(script) -> dict:
    """The script as plain JSON."""
    plain = as_json(script, "model_params")
    if not isinstance(plain, dict):
        raise FormatError("model_params is not a dictionary", key="model_params")
    return plain


def distance_note(state: State) -> dict:
    """The smallest distance in training, if it is known."""
    found = state.get("min_nbor_dist", state.get("_min_nbor_dist"))
    if not isinstance(found, numpy.ndarray) or found.shape not in ((), (1,)) or found.dtype.kind != "f":
        return {}
    distance = float(found.reshape(()))
    return {"min_distance": distance} if math.isfinite(distance) and distance > 0 else {}


def checkpoint_to_state(checkpoint: Checkpoint, dialect: Dialect = PYTORCH, written: Written | None = None) -> State:
    """The arrays of a model under their names below `atomic_model`.

    `written` collects arrays that were packed already, so that models which share tensors share them here too.
    """
    require_spelled(checkpoint.config)
    if checkpoint.config.repinit.compression:
        raise UnsupportedModel(
            "compressed model: this format has no place for its tables; write .dp, .yaml, .json or .safetensors",
            what="tables",
        )
    head = checkpoint.config.fitting.polarizability
    if head is not None and head.constant is not None:
        what = "constant_matrix of a polarizability"
        where = "this format has no place for it; write .dp, .yaml, .json or .safetensors"
        raise UnsupportedModel(f"{what} = {list(head.constant)}: {where}", what=what)
    weights = require_all(checkpoint.weights, checkpoint.config)
    done: Written = {} if written is None else written
    found: State = {}
    for place, array in tree_arrays(model_layout(checkpoint.config)):
        tensors = [checkpoint.weights[name] for name in array.names]
        key = array.names, array.shape, array.dtype, *map(id, tensors)
        if key not in done:
            done[key] = tensors, array.write(weights)  # the tensors are kept, so that their identities stay their own
        found[dialect.name(place)] = done[key][1]
    return found
