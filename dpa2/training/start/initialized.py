"""Trainings that start with the models of a file as they are.

Source: section 9 of the specification of training.
"""

from __future__ import annotations

from dataclasses import replace
from os import PathLike

from ... import serialization
from ...errors import InputError
from ...model.model import Model
from ...serialization.checkpoint import Checkpoint
from ..script.script import Script
from ..steps.parameters import ALONE
from .fresh import fresh
from .pretrained import Pretrained, require_energies, with_tensors
from .sharing import shared
from .start import KEEP, FromData, Start


def initialized(
    script: Script,
    file: str | PathLike[str],
    strict: bool = True,
    force: bool = False,
    backend: str = "numpy",
    device: str | None = None,
) -> Start:
    """Return the start of a training with the models of a file, their statistics and biases.

    Parameters
    ----------
    script
        The settings, with numbers where they had "auto".
    file
        The models, with the heads of the script, in any format that `dpa2.load` reads; `FILE#HEAD` is one head, for a
        script of one task.
    strict
        Whether the file must have all tensors of the model and no others; without it, tensors that the file lacks keep
        their initial values, and others are left out.
    force
        Whether tensors that the file lacks keep their initial values.
    backend, device
        As for `dpa2.load`.

    Returns
    -------
    Start
        Nothing is taken from the data.

    Raises
    ------
    InputError
        The file has not these heads, has other types, or does not fit the script (facts: file, tensor).
    DPA2Error
        The errors of `dpa2.load`.

    Warns
    -----
    UserWarning
        Settings of the file differ though its tensors fit; those of the script hold.
    """
    path, named = serialization.file_and_head(file, None)
    opened, start = Pretrained(path), fresh(script, backend, device)
    models = {}
    for head, model in start.models.items():
        found = opened.model(head if head != ALONE else named)
        require_energies(found, opened.name)
        require_types(model, found, opened.name)
        models[head] = with_tensors(model, found, opened.name, force or not strict, not strict)
    plans = dict.fromkeys(models, FromData(KEEP))
    return replace(start, models=shared(models, start.links), from_data=plans)


def require_types(model: Model, found: Checkpoint, file: str) -> None:
    """Refuse a file with other types, or with the same ones in another order."""
    if found.config.types != model.type_map:
        there, here = ", ".join(found.config.types), ", ".join(model.type_map)
        rule = "fine-tune it, which translates the types, or give the types of the file"
        raise InputError(f"{file}: has the types {there}, the script has {here}; {rule}", argument="file", file=file)
