"""A training checkpoint of PyTorch, written without PyTorch: one model, or several heads, with optimizer and step.

Source: sections 4.1, 4.2, 4.3 and 4.5 of the description of formats.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy

from ..checkpoint import Checkpoint
from ..settings.multitask import script_of_heads
from ..settings.script import config_to_script
from ..state.adam import Adam, adam_to_dict
from ..state.average import average_to_dict
from ..state.parameters import in_order
from ..state.progress import Progress
from ..state.state import State, Written, checkpoint_to_state
from ..state.training import AVERAGE, BELOW, MODEL, OPTIMIZER, SETTINGS, STEP, places_of, prefix_of
from .torch_archive import to_archive

# Buffers for the tables of a compressed model, which are empty in others.
PLACEHOLDERS = ("type_embd_data", "compress_info.0", "compress_data.0")
FRESH = Progress(0, 0.001, Adam({}))  # of a training that starts from a checkpoint, with a new optimizer


def write_checkpoint(checkpoint: Checkpoint) -> bytes:
    """The bytes of a `.pt` file of one model."""
    return write_training({None: checkpoint})


def write_training(models: Mapping[str | None, Checkpoint], progress: Progress = FRESH) -> bytes:
    """The bytes of a `.pt` file of one model, called None, or of several heads; what they share is kept once."""
    written: Written = {}
    state: State = {}
    for head, checkpoint in models.items():
        state |= {f"{prefix_of(head)}{name}": array for name, array in state_of(checkpoint, written).items()}
    places = {head: places_of(head, checkpoint.config) for head, checkpoint in models.items()}
    extra = {"model_params": script_of(models), STEP: progress.infos()}
    optimizer = adam_to_dict(progress.adam, state, places)
    root = {MODEL: state | {SETTINGS: extra}, OPTIMIZER: optimizer}
    if progress.average is not None:
        root[AVERAGE] = average_to_dict(progress.average, state, places)
    return to_archive(root)


def script_of(models: Mapping[str | None, Checkpoint]) -> dict:
    """The section `model` of a script of these models."""
    sections = {head: config_to_script(checkpoint.config) for head, checkpoint in models.items()}
    return sections[None] if None in sections else script_of_heads(sections)


def state_of(checkpoint: Checkpoint, written: Written) -> State:
    """The arrays of a model by their names in PyTorch, in the order of its modules."""
    arrays = with_aliases(checkpoint_to_state(checkpoint, written=written))
    distance = numpy.asarray(checkpoint.metadata.get("min_distance", -1.0), "float64")
    return {"min_nbor_dist": distance} | {f"{BELOW}{name}": arrays[name] for name in in_order(arrays)}


def with_aliases(state: State) -> State:
    """The state with everything that a strict reader requires: networks under two names, and empty tables."""
    aliases = {name.replace(".networks.", "._networks."): a for name, a in state.items() if ".networks." in name}
    blocks = [name.removesuffix("mean") for name in state if name.endswith(("repinit.mean", "repinit_three_body.mean"))]
    return state | aliases | {f"{block}{place}": numpy.zeros(0) for block in blocks for place in PLACEHOLDERS}
