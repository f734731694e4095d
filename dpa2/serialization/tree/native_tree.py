"""Conversion between DeePMD-kit's native tree and a checkpoint.

A tree is plain JSON values with NumPy arrays in it. Source: section 2 of the description of formats.
"""

from __future__ import annotations

from typing import NoReturn

import numpy

from ...config import DPA2Config
from ...errors import FormatError, UnsupportedModel, shorten
from ..checkpoint import Checkpoint
from ..inventory import require_all
from ..settings.heads import ARRAYS, TYPES
from ..settings.native_only import require_spelled
from ..settings.plain import as_json
from ..settings.script import config_to_script
from ..settings.spelling import Sections, compressed, config_of_sections
from .layout import model_layout
from .legacy import modernize
from .matching import fill, match
from .variables import require_places

PATHS = Sections(  # paths of the sections in a tree
    "model", "model.descriptor", "model.descriptor.repinit_args", "model.descriptor.repformer_args", "model.fitting"
)
FARTHEST = 1e6  # Å; a smallest distance beyond it, or one that is no number, is not known


def tree_to_checkpoint(root: dict) -> Checkpoint:
    """The model of a native tree, every part of which is checked."""
    model = find_model(root)
    model = model | {"descriptor": modernize(model["descriptor"])}
    config = read_config(model)
    require_layers(config, model["descriptor"])
    weights = match(model_layout(config), model, PATHS.model)
    return Checkpoint(config, require_all(weights, config), read_metadata(root))


def checkpoint_to_tree(checkpoint: Checkpoint) -> dict:
    """The root of a native tree; `UnsupportedModel` names a setting that DeePMD-kit does not have."""
    require_spelled(checkpoint.config)
    weights = require_all(checkpoint.weights, checkpoint.config)
    distance = checkpoint.metadata.get("min_distance")
    return {
        "software": "dpa2",
        "model": fill(model_layout(checkpoint.config), weights),
        "model_def_script": config_to_script(checkpoint.config),
        "@variables": {} if distance is None else {"min_nbor_dist": numpy.asarray(distance, "float64")},
    }


def find_model(root) -> dict:
    """The model node, if it is a DPA-2 model in a version that is known."""
    model = root.get("model") if isinstance(root, dict) else None
    if not isinstance(model, dict) or "fitting_net" in model or "model_dict" in model:
        refuse_other_file(root)
    require_places(model, PATHS.model)
    require_kind(model, "model", "Model", "standard", (2,))
    descriptor, fitting = (require_node(model, name) for name in ("descriptor", "fitting"))
    require_kind(descriptor, "model.descriptor", "Descriptor", "dpa2", (1, 2, 3, 4))
    require_head(fitting)
    return model


def require_head(fitting: dict):
    """Refuse a fitting net of a type or version that is not known."""
    if "type" not in fitting:
        raise FormatError("model.fitting.type is missing", key="model.fitting.type")
    found = fitting["type"]
    if not isinstance(found, str) or found not in TYPES:
        what, hint = f"model.fitting.type = {shorten(found)}", "dpa2.load_descriptor reads its descriptor"
        raise UnsupportedModel(f"{what}: must be one of {', '.join(TYPES)}; {hint}", what=what, hint=hint)
    head = TYPES[found]
    require_kind(fitting, "model.fitting", "Fitting", head.theirs, head.versions)


OTHER_FILES = {  # keys that tell files of other kinds
    "a training script, which has no weights; hand its `model` section to `script_to_config`": {"training"},
    "several models in one file; freeze the one that you want": {"model_dict"},
    "settings of a model, but no weights; hand them to `script_to_config`": {"fitting_net"},
    "a Paddle inference program; convert the training checkpoint instead": {"base_code", "program"},
    "a descriptor alone, without a fitting; dpa2.load_descriptor reads it": {"descriptor"},
}


def refuse_other_file(root) -> NoReturn:
    """Refuse a file without a native tree, and name its kind."""
    keys = set(root) if isinstance(root, dict) else set()
    keys |= set(root["model"]) if isinstance(root, dict) and isinstance(root.get("model"), dict) else set()
    for what, signs in OTHER_FILES.items():
        if signs <= keys:
            raise UnsupportedModel(f"holds {what}", what=what)
    raise FormatError("holds no model: it has no entry `model` at the top level", key="model")


def require_node(model: dict, name: str) -> dict:
    if not isinstance(model.get(name), dict):
        raise FormatError(f"model.{name} is missing or not a dictionary", key=f"model.{name}")
    return model[name]


def require_kind(node: dict, path: str, kind: str, type_: str, versions: tuple[int, ...]):
    """Refuse one of the three main nodes if its class, type or version is another one."""
    if "type" not in node:
        raise FormatError(f"{path}.type is missing", key=f"{path}.type")
    if node["type"] != type_:
        what = f"{path}.type = {shorten(node['type'])}"
        hint = "dpa2.load_descriptor reads a DPA-2 descriptor that is a part of it"
        raise UnsupportedModel(f"{what}: only {type_!r} is supported; {hint}", what=what, hint=hint)
    if node.get("@class") != kind:
        raise FormatError(f"{path}.@class = {shorten(node.get('@class'))}: must be {kind!r}", key=f"{path}.@class")
    if node.get("@version") not in versions:
        what = f"{kind} version {shorten(node.get('@version'))}"
        known, hint = (
            ", ".join(map(str, versions)),
            "a newer dpa2 may read it, or another DeePMD-kit may write a version that is known",
        )
        raise UnsupportedModel(
            f"{path}: {what} is not supported; known versions: {known}; {hint}", what=what, hint=hint
        )


def read_config(model: dict) -> DPA2Config:
    """The settings of a model node."""
    descriptor, fitting = model["descriptor"], model["fitting"]
    require_sections(descriptor, PATHS.descriptor)
    fitting = in_words_of_scripts(fitting) | {"trainable": one_flag(fitting.get("trainable", True))}
    if fitting.get("rcond") is None:
        fitting["rcond"] = model.get("rcond")
    found = Sections(model, descriptor, descriptor["repinit_args"], descriptor["repformer_args"], fitting)
    return with_tables(config_of_sections(found, PATHS), descriptor.get("repinit_variable"))


def require_sections(descriptor: dict, path: str):
    """Refuse a descriptor without its settings."""
    for key in ("repinit_args", "repformer_args"):
        if not isinstance(descriptor.get(key), dict):
            raise FormatError(f"{path}.{key} is missing", key=f"{path}.{key}")


def in_words_of_scripts(fitting: dict) -> dict:
    """The settings of a fitting net with those of its head under the keys of scripts, from other keys and arrays."""
    head, variables = TYPES[fitting["type"]], fitting.get("@variables")
    renamed = {key: fitting[theirs] for key, theirs in head.in_trees.items() if theirs in fitting}
    arrays = {key: variables.get(key) for key in ARRAYS} if isinstance(variables, dict) else {}
    lists = {key: a.reshape(-1).tolist() for key, a in arrays.items() if isinstance(a, numpy.ndarray)}
    return fitting | renamed | lists


def with_tables(config: DPA2Config, repinit) -> DPA2Config:
    """The settings of a compressed model, if there are tables."""
    node = repinit.get("compress") if isinstance(repinit, dict) else None
    if not isinstance(node, dict):
        return config
    variables = node.get("@variables")
    data = variables.get("compress_data") if isinstance(variables, dict) else None
    table = data[0] if isinstance(data, list) and data else None
    return compressed(config, len(table) if isinstance(table, numpy.ndarray) and table.ndim == 2 else 0)


def one_flag(trainable):
    """One flag in place of a list of equal flags."""
    same = isinstance(trainable, list) and trainable and all(flag is trainable[0] for flag in trainable)
    return trainable[0] if same else trainable


def require_layers(config: DPA2Config, descriptor: dict, path: str = PATHS.descriptor):
    """Refuse another number of layers than the settings say, before a layout is made for a forged number of them."""
    variables = descriptor.get("repformers_variable")
    layers = variables.get("repformer_layers") if isinstance(variables, dict) else None
    count = len(layers) if isinstance(layers, list) else 0
    if count != config.repformer.layers:
        key = f"{path}.repformers_variable.repformer_layers"
        raise FormatError(f"{key} has {count} layers, but the settings say {config.repformer.layers}", key=key)


def read_metadata(root: dict) -> dict:
    """The notes of a file: smallest distance in training, writer, script."""
    notes: dict = {"writer": " ".join(str(root[key]) for key in ("software", "version") if key in root)}
    distance = read_distance(root)
    if distance > 0:  # -1 means unknown
        notes["min_distance"] = distance
    if isinstance(root.get("model_def_script"), dict):
        notes["script"] = as_json(root["model_def_script"], "model_def_script")
    return {key: value for key, value in notes.items() if value}


def read_distance(root: dict) -> float:
    """The smallest distance in training, which files have at two places; -1 if it is unknown."""
    variables = root.get("@variables")
    inside = variables.get("min_nbor_dist") if isinstance(variables, dict) else None
    found = root.get("min_nbor_dist") if inside is None else inside
    if isinstance(found, numpy.ndarray) and found.shape == ():
        found = found.item()
    if isinstance(found, (int, float)) and not isinstance(found, bool) and abs(found) < FARTHEST:
        return float(found)
    return -1.0
