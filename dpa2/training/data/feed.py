"""Batches with their neighbour lists, one after another, the next of which is made ready while one is trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ...config import DPA2Config
from ...errors import InputError
from ...model.preparation import check_system
from ...neighbors import Neighbors
from ...structures.system import System
from .batch import HostBatch, batch_of
from .closest import too_close
from .kept_lists import KeptLists
from .prefetch import prefetched
from .sampler import SamplerState
from .source import Source


@dataclass(frozen=True, eq=False)
class Ready:
    """A batch, the neighbour list of each of its systems, and the state of the sampler after it.

    system: the number of the system that its frames are of.
    """

    batch: HostBatch
    lists: tuple[Neighbors, ...]
    state: SamplerState
    system: int


@dataclass(frozen=True, eq=False)
class Feed:
    """The settings with which batches are made ready for a model.

    labels: names of those that a batch has. lists: keeps neighbour lists. min_pair_dist: Å; frames with a closer pair
    of atoms are left out.
    """

    config: DPA2Config
    source: Source
    labels: tuple[str, ...]
    lists: KeptLists
    min_pair_dist: float = 0.0
    near: dict[tuple[int, int], bool] = field(default_factory=dict, repr=False)

    def batches(self, state: SamplerState, ahead: int = 1) -> Iterator[Ready]:
        """Return an endless iterator of batches from a state of the sampler on; so many are made ready ahead of time.

        A training that is continued from the `state` of its last batch gets the same batches as one that goes on. With
        `ahead` of 0 nothing runs in a thread.
        """
        return prefetched(self.endless(state), ahead)

    def endless(self, state: SamplerState) -> Iterator[Ready]:
        """Batches, each made when it is asked for."""
        while True:
            ready = self.next(state)
            state = ready.state
            yield ready

    def next(self, state: SamplerState) -> Ready:
        """Return the batch after a state of the sampler: the first that has frames left."""
        while True:
            choice, state = self.source.sampler.draw(state)
            rows = [row for row in choice.frames if not self.too_close(choice.system, row)]
            if rows:
                return self.ready(choice.system, rows, state)
            self.refuse_nothing()

    def ready(self, number: int, rows: Sequence[int], state: SamplerState) -> Ready:
        """Return some frames of a system as a batch, with their lists."""
        system = self.source.systems[number]
        frames = [system.frame(row) for row in rows]
        checked = [check_system(self.config, frame.system, frame.name) for frame in frames]
        lists = tuple(self.lists.of(frame.name, s) for frame, s in zip(frames, checked, strict=True))
        return Ready(batch_of(frames, self.labels, checked), lists, state, number)

    def too_close(self, number: int, row: int) -> bool:
        """Return whether two atoms of a frame are closer than allowed; found out once for each frame."""
        if not self.min_pair_dist > 0:
            return False
        if (number, row) not in self.near:
            self.near[number, row] = too_close(self.checked(number, row), self.min_pair_dist)
        return self.near[number, row]

    def checked(self, number: int, row: int) -> System:
        """Return the checked structure of a frame."""
        frame = self.source.systems[number].frame(row)
        return check_system(self.config, frame.system, frame.name)

    def refuse_nothing(self) -> None:
        """Raise an `InputError` if all frames that can be chosen are known to have atoms that are too close."""
        sampler = self.source.sampler
        chosen = [k for k, p in enumerate(sampler.probabilities) if p > 0]
        if all(self.near.get((k, row), False) for k in chosen for row in range(sampler.frames[k])):
            what = f"every frame has two atoms closer than {self.min_pair_dist} Å"
            raise InputError(f"min_pair_dist: {what}; nothing is left to train on", argument="min_pair_dist")


def weighted_means(values: Sequence[dict[str, float]], atoms: Sequence[int]) -> dict[str, float]:
    """Return the means of reported values over batches of validation, weighted by their numbers of real atoms.

    Source: section 5.5 of the specification of training.

    >>> weighted_means([{"rmse": 1.0}, {"rmse": 4.0}], atoms=[10, 20])
    {'rmse': 3.0}
    """
    total = sum(atoms)
    return {name: sum(v[name] * n for v, n in zip(values, atoms, strict=True)) / total for name in values[0]}
