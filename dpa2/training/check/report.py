"""The facts of a training that are known before its first step, as plain data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SystemReport:
    """One system: its directory, its frames and their atoms, its batches, how often it is chosen, and its labels.

    left_out: frames with two atoms that are too close (`min_pair_dist`).
    """

    name: str
    frames: int
    atoms: int
    batch_size: int
    batches: int
    probability: float
    labels: tuple[str, ...]
    left_out: int = 0


@dataclass(frozen=True)
class BlockReport:
    """A list of neighbours: its cutoff (Å) and max_neighbors, and the largest number in the data, with its place."""

    block: str
    cutoff: float
    max_neighbors: int
    largest: int
    frame: str
    atom: int

    @property
    def short(self) -> bool:
        """Whether an atom has more neighbours than the list holds."""
        return self.largest > self.max_neighbors


@dataclass(frozen=True)
class MemoryReport:
    """Bytes: of parameters with what the optimizer keeps of each, of all neighbour lists, and of one step, about."""

    parameters: int
    lists: int
    step: int


@dataclass(frozen=True)
class TermReport:
    """A term of the loss, with its prefactors at the start and at the limit of small rates."""

    term: str
    start: float
    limit: float


@dataclass(frozen=True)
class RateReport:
    """The learning rate of a step, the first of which is 0."""

    step: int
    rate: float


@dataclass(frozen=True)
class TaskReport:
    """One task.

    parameters: numbers of the model that are trained. probability: how often the task is chosen. epoch: its steps in
    which every batch comes once on average. closest: the smallest distance in the data, Å.
    """

    head: str | None
    types: tuple[str, ...]
    parameters: int
    terms: tuple[TermReport, ...]
    probability: float
    epoch: int
    training: tuple[SystemReport, ...]
    validation: tuple[SystemReport, ...]
    blocks: tuple[BlockReport, ...]
    closest: float | None
    memory: MemoryReport


@dataclass(frozen=True)
class HeadOrigin:
    """The share of a file in the model of a head.

    branch: the head of the file, None in a file of one model. taken: tensors of the file; initial: those that keep
    their initial values; left_out: those of the file that the model has not. new_types: those that the file lacks.
    bias: of the output, which the data "set" or "change", or which the training will "keep".
    """

    head: str | None
    branch: str | None
    taken: int
    initial: int = 0
    left_out: int = 0
    new_types: tuple[str, ...] = ()
    bias: str = "keep"


@dataclass(frozen=True)
class OriginReport:
    """The file that a training starts from.

    way: restart, init_model, init_frz_model or finetune. step: the steps that are done, of a restart; same_batches:
    whether the batches go on as if there had been no interruption.
    """

    way: str
    file: str
    heads: tuple[HeadOrigin, ...]
    step: int | None = None
    same_batches: bool | None = None


@dataclass(frozen=True)
class Report:
    """A training: its steps, the rates of some of them, its tasks, and what is to be said about it.

    origin: None where it starts with random weights.
    """

    steps: int
    rates: tuple[RateReport, ...]
    optimizer: str
    tasks: tuple[TaskReport, ...]
    without_effect: tuple[str, ...]
    warnings: tuple[str, ...]
    origin: OriginReport | None = None
