"""The batches of one head on a model's library: those to train on, one after another, and those to validate on."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from ...batching.table import Cutoffs
from ...errors import InputError
from ...model.model import Model
from ...model.preparation import in_chunks
from ..data.feed import Feed, Ready
from ..data.filled import filled
from ..data.largest_counts import LargestCounts
from ..data.prefetch import prefetched
from ..data.room import Demand, Room, rooms_for
from ..data.sampler import SamplerState, Seed
from ..data.source import Source
from ..losses import Labels
from ..plan import TaskPlan
from ..steps.batch import Batch
from .options import Options


class HeadFeed:
    """The batches of a head; what a training that goes on needs of it is a value (`to_plain`, `restore`).

    share: (number, count) of the rank that trains on these batches.
    """

    def __init__(
        self, model: Model, plan: TaskPlan, options: Options, seeds: tuple[Seed, Seed], share: tuple[int, int] = (0, 1)
    ) -> None:
        data, task = plan.data, plan.data.task
        lists = plan.lists.for_model(model.config, options.neighbors, options.memory, options.lists)
        limit = task.training_data.min_pair_dist
        self.model, self.ahead = model, options.ahead
        source = data.training.share(*share)
        self.training = Feed(model.config, source, data.labels, lists, limit)
        self.validation = Feed(model.config, data.validation, data.labels, lists) if data.validation else None
        self.count = task.validation_data.numb_btch if task.validation_data else 0
        self.state = source.sampler.start(seeds[0])
        self.validation_state = data.validation.sampler.start(seeds[1]) if data.validation else None
        self.rooms = rooms_of(self, plan)
        self.coming: Generator[tuple[Batch, SamplerState]] | None = None

    def next(self) -> Batch:
        """Return the next batch to train on; the one after it is made ready meanwhile."""
        if self.coming is None:
            self.coming = prefetched(map(self.to_train, self.training.endless(self.state)), self.ahead)
        batch, self.state = next(self.coming)
        return batch

    def next_to_validate(self) -> list[Batch]:
        """Return the next batches of one validation; none without data for it."""
        found: list[Batch] = []
        while self.validation is not None and self.validation_state is not None and len(found) < self.count:
            ready = self.validation.next(self.validation_state)
            found.append(self.placed(ready, self.rooms["validation"]))
            self.validation_state = ready.state
        return found

    def to_train(self, ready: Ready) -> tuple[Batch, SamplerState]:
        """Return a batch to train on, on the library of the model, and the state of its sampler after it."""
        return self.placed(ready, self.rooms["training"]), ready.state

    def placed(self, ready: Ready, rooms: Sequence[Room]) -> Batch:
        """Return a batch on the library of the model; filled up, where that compiles functions for each shape."""
        backend, batch, lists, shape = self.model.backend, ready.batch, ready.lists, None
        names = f"{batch.names[0]}{f' and {len(batch) - 1} more' * (len(batch) > 1)}"
        if rooms:
            room = rooms[ready.system]
            batch, lists, shape = *filled(batch, lists, room), room.shape
        prepared = in_chunks(self.model.config, backend, batch.systems, lists, shape=shape)
        labels = Labels(**{name: backend.asarray(x, backend.wide()) for name, x in batch.known.items()})
        return Batch(prepared, labels, backend.asarray(batch.mask, backend.wide()), names)

    def close(self) -> None:
        """End the thread that makes batches ready."""
        if self.coming is not None:
            self.coming.close()
            self.coming = None

    def to_plain(self) -> dict[str, Any]:
        """Return the states of both samplers as plain data."""
        states = {"training": self.state, "validation": self.validation_state}
        return {name: state and state.to_plain() for name, state in states.items()}

    def restore(self, plain: dict[str, Any]) -> None:
        """Go on from the states that `to_plain` returned.

        Raises `InputError` where the systems or their frames are others.
        """
        for name, feed in (("training", self.training), ("validation", self.validation)):
            if feed is not None and plain.get(name) is not None:
                require_same_frames(feed, plain[name], name)
        self.state = SamplerState.from_plain(plain["training"])
        if self.validation is not None and plain.get("validation") is not None:
            self.validation_state = SamplerState.from_plain(plain["validation"])


def rooms_of(feed: HeadFeed, plan: TaskPlan) -> dict[str, list[Room]]:
    """Return the rooms of the batches of each system; none where nothing is compiled for a shape."""
    shape, seen = feed.model.backend.shape, plan.seen
    if not shape.filled:
        return {"training": [], "validation": []}
    training = demands_of(feed.training.source, None if seen is None else seen.systems)
    validation = demands_of(feed.validation.source, None if seen is None else seen.validated) if feed.validation else []
    rooms = rooms_for([*training, *validation], Cutoffs.of(feed.model.config), shape)
    return {"training": rooms[: len(training)], "validation": rooms[len(training) :]}


def demands_of(source: Source, counts: Sequence[LargestCounts] | None) -> list[Demand]:
    """Return what the batches of each system need."""
    sampler = source.sampler
    own: Sequence[LargestCounts | None] = [None] * len(source.systems) if counts is None else counts
    sizes, atoms = map(min, sampler.sizes, sampler.frames), (system.atoms for system in source.systems)
    return list(map(Demand, sizes, atoms, own, sampler.probabilities))


def require_same_frames(feed: Feed, plain: dict[str, Any], name: str) -> None:
    """Raise `InputError` where a sampler's state is of other systems."""
    frames, queues = feed.source.sampler.frames, plain["queues"]
    if len(queues) != len(frames) or any(len(q["order"]) not in (0, n) for q, n in zip(queues, frames, strict=True)):
        rule = "give the same systems and frames, or begin anew from its models (--init-model)"
        raise InputError(f"the {name} data are others than those of the checkpoint: {rule}", argument="restart")
