"""Checkpoints of a training: state dictionaries of one model, or of several heads, with their script.

PyTorch and Paddle keep the same things under the same names. Source: sections 4.2, 4.3 and 9.1 of the description
of formats.
"""

from __future__ import annotations

from typing import NoReturn

import numpy

from ...errors import FormatError, UnsupportedModel, shorten
from ..contents import Contents
from .state import State, distance_note, state_to_checkpoint

ALONE = "Default"  # name of the task of a model that is trained alone
BELOW = "atomic_model."  # beginning of the names of the model's own arrays


def read_training(root, format: str) -> Contents:
    """The models of a checkpoint, whose tensors have been read as NumPy arrays."""
    state = find_state(root)
    extra = state.get("_extra_state")
    script = extra.get("model_params") if isinstance(extra, dict) else None
    if not isinstance(script, dict):
        refuse_other(state)
    read: dict = {}

    def model(head: str | None, section: dict):
        return model_of(state, ALONE if head is None else head, section, read)

    return Contents.of_script(format, script, model)


def find_state(root) -> dict:
    """The state dictionary of the model, alone or beside that of the optimizer."""
    state = root.get("model") if isinstance(root, dict) and "_extra_state" not in root else root
    if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
        refuse_other(root)
    return state


def refuse_other(root) -> NoReturn:
    keys = ", ".join(map(shorten, list(root)[:3])) if isinstance(root, dict) else type(root).__name__
    what = (
        f"not a checkpoint of a DeePMD-kit training: there is no `_extra_state` with `model_params` in it ({keys}, ...)"
    )
    raise UnsupportedModel(f"is {what}", what=what)


def model_of(state: dict, task: str, script: dict, read: dict):
    """The model of a task, from the arrays under its own name only."""
    prefix = f"model.{task}."
    own = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    if not own:
        raise FormatError(f"holds no tensor of {task}: no name begins with {prefix}", key=prefix)
    return state_to_checkpoint(below(own), script, distance_note(own), read)


def below(own: dict) -> State:
    """The model's own arrays, by the rest of their names."""
    return {
        key.removeprefix(BELOW): value
        for key, value in own.items()
        if key.startswith(BELOW) and isinstance(value, numpy.ndarray)
    }
