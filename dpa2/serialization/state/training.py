"""Checkpoints of a training: state dictionaries of one model, or of several heads, with their script.

PyTorch and Paddle keep the same things under the same names. Source: sections 4.2, 4.3 and 9.1 of the description
of formats.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NoReturn

import numpy

from ...config import DPA2Config
from ...errors import FormatError, UnsupportedModel, shorten
from ..budget import spend
from ..contents import Contents
from ..tree.layout import model_layout
from ..unpickling.tensors import PickledArray
from .adam import Places, read_adam
from .average import read_average
from .names import PYTORCH, dialect_of, tree_arrays
from .progress import Progress
from .state import State, distance_note, state_to_checkpoint

ALONE = "Default"  # name of the task of a model that is trained alone
SETTINGS = "_extra_state"  # name of the settings among the tensors
MODEL = "model"  # the entry of a checkpoint that holds the model
OPTIMIZER = "optimizer"  # the entry that holds the optimizer
AVERAGE = "ema"  # the entry that holds the moving average of the parameters
STEP = "train_infos"  # the setting that holds step and learning rate
WRAPPERS = re.compile(r"(module\.|_orig_mod\.)*")  # what PyTorch's wrappers of a model put in front of every name
ENTRY = 200  # bytes for a name and its places in dictionaries
BELOW = "atomic_model."  # beginning of the names of the model's own arrays


def read_training(root, format: str) -> Contents:
    """The models of a checkpoint, whose tensors have been read as NumPy arrays."""
    state = find_state(root)
    extra = state[SETTINGS]
    script = extra.get("model_params") if isinstance(extra, dict) else None
    if not isinstance(script, dict):
        refuse_other(state)
    read: dict = {}

    def model(head: str | None, section: dict):
        return model_of(state, head, section, read)

    return replace(Contents.of_script(format, script, model), left_out=training_only(root, extra))


def training_only(root, extra: dict) -> tuple[str, ...]:
    """Return what only a training needs of a checkpoint: names of the entries beside the model, and the step."""
    beside = [key for key in root if key != MODEL] if isinstance(root.get(MODEL), dict) else []
    progress = extra.get(STEP)
    if isinstance(progress, dict) and progress.get("step") == 0:
        return ()
    return tuple(shorten(str(key)).strip("'") for key in [*beside, *[STEP] * (STEP in extra)])


def read_progress(root, heads: Mapping[str | None, DPA2Config]) -> Progress:
    """Return step and optimizer of a checkpoint with models of these configurations; a single one is called None.

    Raises `UnsupportedModel` for a checkpoint without optimizer, or with another than Adam and AdamW of PyTorch.
    """
    state = find_state(root)
    beside = root if isinstance(root.get(MODEL), dict) else {}
    if OPTIMIZER not in beside:
        what = "no optimizer: a moving average, or a model that was saved alone"
        hint = "start from the model alone, with a new optimizer (--init-model)"
        raise UnsupportedModel(f"holds {what}; {hint}", what=what, hint=hint)
    step, rate = step_and_rate(state[SETTINGS].get(STEP))
    arrays = {name: value for name, value in state.items() if isinstance(value, numpy.ndarray)}
    if dialect_of(arrays) != PYTORCH:
        what = "a checkpoint of the exportable back end, whose optimizer is not read"
        raise UnsupportedModel(f"is {what}; start from the model alone (--init-model)", what=what)
    places = {head: places_of(head, config) for head, config in heads.items()}
    return Progress(
        step, rate, read_adam(beside[OPTIMIZER], arrays, places), read_average(beside.get(AVERAGE), arrays, places)
    )


def step_and_rate(infos: Any) -> tuple[int, float]:
    """Return step and learning rate of a training."""
    found: dict[str, Any] = infos if isinstance(infos, dict) else {}
    step: Any = found.get("step")
    rate: Any = found.get("lr")
    numbers = isinstance(step, int) and not isinstance(step, bool) and isinstance(rate, int | float)
    if not numbers or not 0 <= step < 2**53 or not 0 <= rate < math.inf:
        raise FormatError(f"has {STEP} = {shorten(infos)}, not a step and a learning rate", key=STEP)
    return step, float(rate)


def places_of(head: str | None, config: DPA2Config) -> Places:
    """Return the arrays of a head by their full names in PyTorch, with the model's tensors in them."""
    found = tree_arrays(model_layout(config))
    return {f"{prefix_of(head)}{BELOW}{PYTORCH.name(place)}": array for place, array in found}


def find_state(root) -> dict:
    """The state dictionary of the model: alone, or beside that of the optimizer and what else was saved."""
    places = (root, root.get(MODEL), *root.values()) if isinstance(root, dict) else ()
    for place in places:
        spend(0, len(place) if isinstance(place, dict) else 1)
        if isinstance(place, dict) and all(isinstance(key, str) for key in place):
            state = without_wrapper(place)
            if SETTINGS in state:
                return {name: plain(value) for name, value in state.items()}
    refuse_other(root)


def without_wrapper(state: dict) -> dict:
    """The state with the names that it has in the model, not in a wrapper around the model for several processors."""
    prefixes = (name.removesuffix(SETTINGS) for name in state if name.endswith(SETTINGS))
    prefix = next((prefix for prefix in prefixes if WRAPPERS.fullmatch(prefix)), "")
    whole = all(name.startswith(prefix) for name in state)
    return {name.removeprefix(prefix): value for name, value in state.items()} if whole else state


def plain(value):
    """The array of a tensor, which Paddle pickles alone or after its internal name."""
    value = value[1] if isinstance(value, tuple) and len(value) == 2 else value
    return value.array if isinstance(value, PickledArray) else value


def refuse_other(root) -> NoReturn:
    keys = ", ".join(map(shorten, list(root)[:3])) if isinstance(root, dict) else type(root).__name__
    what = f"no settings of a model: there is no `{SETTINGS}` with `model_params` in it ({keys}, ...)"
    hint = "a checkpoint as `dp train` writes it has them; when saving again, keep that entry beside the tensors"
    raise UnsupportedModel(f"holds {what}; {hint}", what=what, hint=hint)


def prefix_of(head: str | None) -> str:
    """Return what the names of a head's arrays begin with; None is a model that is trained alone."""
    return f"model.{ALONE if head is None else head}."


def model_of(state: dict, head: str | None, script: dict, read: dict):
    """The model of a head, from the arrays under its own name only."""
    prefix = prefix_of(head)
    spend(sum(ENTRY + len(key) for key in state), len(state))
    own = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    if not own:
        raise FormatError(f"holds no tensor of {head or ALONE}: no name begins with {prefix}", key=prefix)
    return state_to_checkpoint(below(own), script, distance_note(own), read)


def below(own: dict) -> State:
    """The model's own arrays, by the rest of their names."""
    return {
        key.removeprefix(BELOW): value
        for key, value in own.items()
        if key.startswith(BELOW) and isinstance(value, numpy.ndarray)
    }
