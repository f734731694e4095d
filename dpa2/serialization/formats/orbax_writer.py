"""A model directory of JAX, written without JAX.

The arrays and the masks that follow from the settings as zarr arrays in a key-value store, and JSON files that say
what is there. Source: section 8.1 of the description of formats.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy

from ...config import DPA2Config
from ...descriptor.electrons import configuration_vector
from ...errors import TargetLacks, require
from ..bfloat16 import BFLOAT16
from ..checkpoint import Checkpoint
from ..settings.script import config_to_script
from ..state.names import EXPORTABLE
from ..state.state import State, checkpoint_to_state
from ..state.training import BELOW

SCRIPT, STATE = Path("model_def_script", "metadata"), Path("state")  # places in the directory
MEMORY = "memory://model/"  # address of a store in memory
# Classes of Orbax that handle the items of the directory.
HANDLERS = {"model_def_script": "json_checkpoint_handler.JsonCheckpointHandler"}
HANDLERS |= {"state": "standard_checkpoint_handler.StandardCheckpointHandler"}
HANDLER_MODULES = "orbax.checkpoint._src.handlers."  # package of these classes
TREE_OPTIONS = {  # options of Orbax in the description of all arrays
    "use_ocdbt": True,
    "use_zarr3": False,
    "store_array_data_equal_to_fill_value": True,
    "custom_metadata": None,
}


def write_orbax(checkpoint: Checkpoint, path: Path) -> None:
    """Write a model as a directory, which does not exist yet."""
    tensorstore = require("tensorstore", "orbax")
    state = checkpoint_to_state(checkpoint, EXPORTABLE) | derived(checkpoint.config)
    if any(array.dtype == BFLOAT16 for array in state.values()):
        raise TargetLacks(
            "bfloat16: models of this precision are not written as .jax; write .safetensors or .dp", what="bfloat16"
        )
    arrays = {f"{BELOW}{name}": array for name, array in sorted(state.items())}
    (path / STATE).mkdir(parents=True)
    (path / SCRIPT).parent.mkdir()
    for name, data in stored(tensorstore, arrays).items():
        write_bytes(path / STATE / name, data)
    script = config_to_script(checkpoint.config)
    if "min_distance" in checkpoint.metadata:
        script["_min_nbor_dist"] = checkpoint.metadata["min_distance"]
    write_json(path / SCRIPT, script)
    write_json(path / STATE / "_METADATA", {"tree_metadata": dict(map(described, arrays.items()))} | TREE_OPTIONS)
    handlers = {item: f"{HANDLER_MODULES}{handler}" for item, handler in HANDLERS.items()}
    write_json(path / "_CHECKPOINT_METADATA", {"item_handlers": handlers, "custom_metadata": {}})


def write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content))


def write_bytes(path: Path, data: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)


def stored(tensorstore, arrays: State) -> dict[str, bytes]:
    """The files of a key-value store of arrays, by their paths.

    The store is made in memory: its own threads touch no disk, so an interrupted or failed write is an ordinary one.
    """
    context = tensorstore.Context()
    for name, array in arrays.items():
        write_array(tensorstore, context, name, array)
    files = tensorstore.KvStore.open(MEMORY, context=context).result()
    return {key.decode(): files[key] for key in files.list().result()}


def write_array(tensorstore, context, name: str, array: numpy.ndarray) -> None:
    """Write one array in one piece to the store in memory."""
    description = {
        "shape": list(array.shape),
        "chunks": [max(1, n) for n in array.shape],
        "dtype": array.dtype.newbyteorder("<").str,
        "compressor": {"id": "zstd", "level": 1},
        "dimension_separator": ".",
        "fill_value": None,
        "filters": None,
        "order": "C",
        "zarr_format": 2,
    }
    store = {"driver": "ocdbt", "base": MEMORY, "path": name}
    spec = {"driver": "zarr", "kvstore": store, "metadata": description, "store_data_equal_to_fill_value": True}
    tensorstore.open(spec, create=True, context=context).result().write(array).result()


def described(item: tuple[str, numpy.ndarray]) -> tuple[str, dict]:
    """Orbax's description of one array: its path and its shape."""
    name, array = item
    path = tuple(name.split("."))
    keys = [{"key": key, "key_type": 2} for key in path]
    value = {"value_type": "jax.Array", "skip_deserialize": False, "write_shape": list(array.shape)}
    return str(path), {"key_metadata": keys, "value_metadata": value}


def derived(config: DPA2Config) -> State:
    """Arrays that follow from the settings: masks of types and of pairs of types, and electron configurations."""
    blocks = ["repinit", "repformers"] + ["repinit_three_body"] * (config.three_body is not None)
    pairs, atoms = mask_of_pairs(config.excluded_pairs, config), mask_of_types(config)
    found = {f"descriptor.{block}.emask.type_mask": pairs for block in blocks} | {"fitting_net.emask.type_mask": atoms}
    if config.model_excluded_pairs:
        found["pair_excl.type_mask"] = mask_of_pairs(config.model_excluded_pairs, config)
    if config.excluded_types:
        found["atom_excl.type_mask"] = atoms
    if config.electron_configuration:
        rows = [configuration_vector(name) for name in config.types]
        found["descriptor.type_embedding.econf_tebd"] = numpy.asarray(rows, config.dtype)
    return found


def mask_of_pairs(excluded, config: DPA2Config) -> numpy.ndarray:
    """1 for pairs that count, 0 for the others; the last type stands for absent neighbors."""
    mask = numpy.ones((len(config.types) + 1,) * 2, "int32")
    for one, other in excluded:
        mask[one, other] = mask[other, one] = 0
    return mask.reshape(-1)


def mask_of_types(config: DPA2Config) -> numpy.ndarray:
    """1 for types of atoms that count, 0 for the others."""
    return numpy.asarray([kind not in config.excluded_types for kind in range(len(config.types))], "int32")
