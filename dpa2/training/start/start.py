"""The start of a training: the models before step 0, and what the data have to decide about them."""

from __future__ import annotations

from dataclasses import dataclass

from ...model.model import Model
from ..script.links import Link
from ..script.script import Script
from ..script.tasks import Task

SET, CHANGE, KEEP = "set", "change", "keep"  # what happens to an output bias


@dataclass(frozen=True)
class FromData:
    """The parts of a head's model that its data decide.

    bias: whether the output bias is fitted to the energies ("set"), changed by what the model misses of them
    ("change"), or stays ("keep"). environments: types for which the normalisation of environments is computed.
    parameters: whether that of frame and atomic parameters is. smallest: the least deviation of these.
    kept: whether statistics are taken from the script's `stat_file`, and put there.
    """

    bias: str
    environments: tuple[str, ...] = ()
    parameters: bool = False
    smallest: float = 0.01
    kept: bool = False


@dataclass(frozen=True, eq=False)
class Start:
    """The start of a training; `with_data` makes models of it that are ready for step 0.

    script: the settings, with all numbers of neighbours. models: by head, "" in a script of one task. from_data: what
    the data of each head decide. links: parts that heads share; the models have them in common.
    """

    script: Script
    models: dict[str, Model]
    from_data: dict[str, FromData]
    links: tuple[Link, ...] = ()


def task_of(start: Start, head: str) -> Task:
    """Return the task of a head."""
    return next(task for task in start.script.tasks if task.name == head)
