"""The batches of one head on a model's library: those to train on, one after another, and those to validate on."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from ...errors import InputError
from ...model.model import Model
from ...model.preparation import in_chunks
from ..data.feed import Feed, Ready
from ..data.prefetch import prefetched
from ..data.sampler import SamplerState, Seed
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
        self.coming: Generator[tuple[Batch, SamplerState]] | None = None

    def next(self) -> Batch:
        """Return the next batch to train on; the one after it is made ready meanwhile."""
        if self.coming is None:
            self.coming = prefetched(map(self.placed, self.training.endless(self.state)), self.ahead)
        batch, self.state = next(self.coming)
        return batch

    def next_to_validate(self) -> list[Batch]:
        """Return the next batches of one validation; none without data for it."""
        found: list[Batch] = []
        while self.validation is not None and self.validation_state is not None and len(found) < self.count:
            batch, self.validation_state = self.placed(self.validation.next(self.validation_state))
            found.append(batch)
        return found

    def placed(self, ready: Ready) -> tuple[Batch, SamplerState]:
        """Return a batch on the library of the model, and the state of its sampler after it."""
        backend, batch = self.model.backend, ready.batch
        prepared = in_chunks(self.model.config, backend, batch.systems, ready.lists)
        labels = Labels(**{name: backend.asarray(x, backend.wide()) for name, x in batch.known.items()})
        names = f"{batch.names[0]}{f' and {len(batch) - 1} more' * (len(batch) > 1)}"
        return Batch(prepared, labels, backend.asarray(batch.mask, backend.wide()), names), ready.state

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


def require_same_frames(feed: Feed, plain: dict[str, Any], name: str) -> None:
    """Raise `InputError` where a sampler's state is of other systems."""
    frames, queues = feed.source.sampler.frames, plain["queues"]
    if len(queues) != len(frames) or any(len(q["order"]) not in (0, n) for q, n in zip(queues, frames, strict=True)):
        rule = "give the same systems and frames, or begin anew from its models (--init-model)"
        raise InputError(f"the {name} data are others than those of the checkpoint: {rule}", argument="restart")
