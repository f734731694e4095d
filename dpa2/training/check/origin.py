"""What a training would take from the file that it starts from: the file is read as the training reads it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from ... import serialization
from ...backends.differentiation import default_library
from ...serialization.checkpoint import Checkpoint
from ..course.beginning import resume, start_of, state_file
from ..course.origin import File, Origin
from ..loop.state_file import is_state
from ..plan import Plan
from ..script.tasks import Task
from ..start.finetuned import branch_for, taken
from ..start.pretrained import Pretrained
from ..start.start import Start
from .report import HeadOrigin, OriginReport


def origin_report(plan: Plan, origin: Origin, backend: str | None = None) -> tuple[OriginReport | None, list[str]]:
    """Return what would be taken from the file of an origin, None without one, and the warnings that there would be.

    backend: the library that would train, on which a checkpoint is restored; as for `dpa2 train`.

    Raises the errors with which a training would refuse the file.
    """
    if not origin.given:
        return None, []
    (way,) = origin.given
    file = str(getattr(origin, way))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        found = restarted(plan, file, backend) if way == "restart" else begun(plan, origin, way, file)
    return found, [str(each.message) for each in said if issubclass(each.category, UserWarning)]


def restarted(plan: Plan, file: File, backend: str | None) -> OriginReport:
    """Return what a training would go on with."""
    training = resume(plan, file, backend or default_library())
    heads = tuple(
        HeadOrigin(head or None, head or None, len(m.state_dict())) for head, m in training.trainer.models.items()
    )
    path = state_file(file)
    own = is_state(path)
    training.batches.close()
    return OriginReport("restart", str(path), heads, training.first, own and not training.anew)


def begun(plan: Plan, origin: Origin, way: str, file: str) -> OriginReport:
    """Return what a training would begin with."""
    start = start_of(plan, origin, "numpy", None)
    return OriginReport(way, file, tuple(head_origins(start, origin, file)))


def head_origins(start: Start, origin: Origin, file: str) -> Iterator[HeadOrigin]:
    """Yield the share of the file in the model of each head."""
    path, named = serialization.file_and_head(file, origin.model_branch)
    opened = Pretrained(path)
    for task in start.script.tasks:
        branch, found = source_of(opened, task, origin, named)
        own, there = set(start.models[task.name].state_dict()), set(found.weights)
        decided = start.from_data[task.name]
        new = tuple(name for name in start.models[task.name].type_map if name not in found.config.types)
        numbers = len(own & there), len(own - there), len(there - own)
        yield HeadOrigin(task.head, branch, *numbers, new, decided.bias)


def source_of(opened: Pretrained, task: Task, origin: Origin, named: str | None) -> tuple[str | None, Checkpoint]:
    """Return the head of a file that a task begins with, and what is taken of it."""
    if origin.finetune is None:
        head = named if task.head is None else task.head
        return head, opened.model(head)
    branch = branch_for(opened, task, named)
    return branch.head, taken(opened, branch)
