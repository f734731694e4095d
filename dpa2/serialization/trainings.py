"""Checkpoints of trainings as a whole: the models of all heads, with step and optimizer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ..errors import InputError, UnsupportedModel
from .atomic import replacing
from .budget import spending
from .checkpoint import Checkpoint
from .contents import Contents
from .files import errors_naming, naming_target
from .formats.pytorch_writer import FRESH, write_training
from .state.progress import Progress

SUFFIX = ".pt"  # of the only format that holds several heads
RANDOM = "RANDOM"  # means a fresh head in scripts of fine-tuning


def read_progress(found: Contents, path: str | os.PathLike, heads: Mapping[str | None, Checkpoint]) -> Progress:
    """Return step and optimizer of a training in the contents of a file, whose models are given.

    Raises `UnsupportedModel` for a file without them, or with another optimizer (facts: file, what), and `FormatError`
    for an optimizer that does not fit the models.
    """
    with errors_naming(path), spending(found.budget and replace(found.budget)):
        if found.progress is None:
            what = f"no step and no optimizer of a training ({found.format})"
            hint = "start from the model alone, with a new optimizer (--init-model)"
            raise UnsupportedModel(f"holds {what}; {hint}", what=what, hint=hint)
        return found.progress({head: checkpoint.config for head, checkpoint in heads.items()})


def write_checkpoints(
    models: Mapping[str | None, Checkpoint], path: str | os.PathLike, overwrite: bool = True, progress: Progress = FRESH
) -> None:
    """Write one model, or those of several heads, as a training checkpoint of PyTorch (`.pt`).

    Tensors that are the same arrays are kept once. The file appears as a whole or not at all.

    Parameters
    ----------
    models
        The models by the names of their heads, which must have the same types; a single model is called None.
    path
        The new file.
    overwrite
        Whether an existing file may be replaced.
    progress
        Step and optimizer of the training.

    Raises
    ------
    InputError
        The suffix is another, a name cannot be that of a head, heads differ in their types, or the file exists and may
        not be overwritten (facts: argument).
    TargetLacks
        A model has something that the format cannot hold.
    WriteFailed
        The system does not let it be written (facts: file, reason).
    """
    target = Path(path)
    if target.suffix.lower() != SUFFIX:
        what = f"cannot write a training as {target.suffix or 'a file without a suffix'}"
        raise InputError(f"{path}: {what}; the suffix must be {SUFFIX}", argument="path")
    require_heads(models)
    with replacing(target, overwrite) as new, naming_target(str(path)):
        new.write_bytes(write_training(models, progress))


def require_heads(models: Mapping[str | None, Checkpoint]) -> None:
    """Refuse names that cannot be those of heads, and heads that do not belong together."""
    if not models:
        raise InputError("models: there must be at least one", argument="models")
    for head, checkpoint in models.items() if set(models) != {None} else ():
        if not head or "." in head or head == RANDOM:
            rule = f"must be a word without a point, and not {RANDOM}"
            raise InputError(f"head {head!r}: the name of a head {rule}", argument="models")
        first, expected = next(iter(models.items()))
        if checkpoint.config.types != expected.config.types:
            differ = f"heads {first!r} and {head!r} have different types"
            rule = "heads of one file must have the same, in the same order"
            found = f"{', '.join(expected.config.types)}; {', '.join(checkpoint.config.types)}"
            raise InputError(f"{differ} ({found}); {rule}", argument="models")
