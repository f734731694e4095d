"""Fine-tuning: a training that starts with a pretrained model.

Source: sections 9.1 and 9.2 of the specification of training.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from os import PathLike

import numpy as np

from ... import serialization
from ...model.model import Model
from ...serialization.checkpoint import Checkpoint
from ..script.script import Script
from ..script.tasks import Task
from .branches import Branch, branch_of
from .fresh import fresh, seed_of
from .pretrained import DESCRIPTOR, Pretrained, descriptor_of, require_energies, with_tensors
from .sharing import group_of, shared
from .start import SET, FromData, Start, task_of
from .type_maps import with_types


def finetuned(
    script: Script,
    file: str | PathLike[str],
    branch: str | None = None,
    force: bool = False,
    backend: str = "numpy",
    device: str | None = None,
) -> Start:
    """Return the start of a training that begins with a pretrained model.

    Parameters
    ----------
    script
        The settings, with numbers where they had "auto"; its types may be others than those of the file.
    file
        The pretrained model, in any format that `dpa2.load` reads; `FILE#HEAD` is a branch of it.
    branch
        A head of a multi-task file, or "RANDOM" for its first descriptor with a new fitting net; if None,
        `finetune_head` of the script. Heads of a script of several heads have their own `finetune_head`.
    force
        Whether tensors that the file lacks keep their initial values.
    backend, device
        As for `dpa2.load`.

    Returns
    -------
    Start
        What a head has from the file, and what the data decide, is in the table of `docs/training.md`.

    Raises
    ------
    InputError
        There is no such branch, or the file does not fit the script (facts: file, tensor).
    DPA2Error
        The errors of `dpa2.load`.

    Warns
    -----
    UserWarning
        Settings of the file differ though its tensors fit; those of the script hold.
    """
    path, named = serialization.file_and_head(file, branch)
    opened, start = Pretrained(path), fresh(script, backend, device)
    branches = {task.name: branch_for(opened, task, named) for task in script.tasks}
    pretrained = {head: taken(opened, own) for head, own in branches.items()}
    models = {head: begun(start, head, own, opened.name, force) for head, own in pretrained.items()}
    warn_of_unlike(start, pretrained, opened.name)
    warn_of_cases(start, models, opened.name)
    plans = {head: plan_of(start, head, branches[head], pretrained[head]) for head in models}
    return replace(start, models=shared(models, start.links), from_data=plans)


def branch_for(file: Pretrained, task: Task, asked: str | None) -> Branch:
    """Return what a task begins with."""
    return branch_of(file.name, file.contents, task.head, task.statistics.finetune_head, asked)


def taken(file: Pretrained, branch: Branch) -> Checkpoint:
    """Return what of a file a model begins with."""
    found = file.model(branch.head)
    if not branch.whole:
        return descriptor_of(found)
    require_energies(found, file.name)
    return found


def begun(start: Start, head: str, pretrained: Checkpoint, file: str, force: bool) -> Model:
    """Return the model of a head with the tensors of a file; new types have random rows in the type embedding."""
    script, task = start.script, task_of(start, head)
    seed = seed_of(script, task.head, "descriptor", script.tasks.index(task))
    model = start.models[head]
    return with_tensors(model, with_types(pretrained, model.type_map, seed), file, force)


def plan_of(start: Start, head: str, branch: Branch, pretrained: Checkpoint) -> FromData:
    """Return what the data of a head decide.

    The normalisation of environments of new types; of all types where there are new ones and heads share a descriptor,
    as in the reference.
    """
    types = start.models[head].type_map
    new = tuple(name for name in types if name not in pretrained.config.types)
    together = len(group_of(start.links, head, "descriptor")) > 1
    return FromData(branch.bias, environments=types if new and together else new, parameters=branch.bias == SET)


def warn_of_unlike(start: Start, pretrained: Mapping[str, Checkpoint], file: str) -> None:
    """Warn where heads share a descriptor that is not the same in their branches of the file."""
    for link in start.links:
        base, *others = link.whole if link.part == "descriptor" else (None,)
        for head in others:
            if not same_blocks(pretrained[str(base)], pretrained[head]):
                what = f"the branches of the heads {base} and {head}, which share a descriptor, have different ones"
                warnings.warn(f"{file}: {what}; that of {base} is taken", stacklevel=3)


def warn_of_cases(start: Start, models: Mapping[str, Model], file: str) -> None:
    """Warn where heads share a fitting net and have the same case, because they begin with the same branch."""
    for link in start.links:
        seen: dict[tuple[float, ...], str] = {}
        for head in link.whole if link.part == "fitting_net" else ():
            case = tuple(case_of(models[head]))
            if case and case in seen:
                what = f"the heads {seen[case]} and {head} share their fitting net and have the same case"
                warnings.warn(f"{file}: {what}; they will differ by their output bias alone", stacklevel=3)
            seen.setdefault(case, head)


def case_of(model: Model) -> list[float]:
    """Return the numbers that tell the heads of a fitting net apart; none for a model without them."""
    case = model.weights.fitting.case
    return [] if case is None else model.backend.to_numpy(case).tolist()


def same_blocks(one: Checkpoint, other: Checkpoint) -> bool:
    """Return whether two models have the same tensors in the part of their descriptors that heads share."""
    names = [name for name in one.weights if name.startswith(DESCRIPTOR) and ".type_transform." not in name]
    return all(np.array_equal(one.weights[name], other.weights.get(name, ())) for name in names)
