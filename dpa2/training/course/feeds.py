"""The batches of the ranks of a process, by head."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...backends.ranks import Ranks
from ...model.model import Model
from ..data.sampler import Seed
from ..plan import Plan
from ..steps.batch import Batch
from .head_feed import HeadFeed
from .options import Options

Places = Mapping[str, Model]  # the models of a rank, on its device
Seeds = Callable[[int, int, int], Seed]  # of a kind of chance, the number of a head, and that of a rank


class Feeds:
    """The batches of each rank of this process, which are made of its share of the frames."""

    def __init__(self, plan: Plan, places: Sequence[Places], options: Options, seeds: Seeds) -> None:
        self.ranks: Ranks = options.ranks
        tasks = list(enumerate(plan.tasks))

        def of_rank(rank: int, models: Places) -> dict[str, HeadFeed]:
            share = rank, self.ranks.count
            heads = [(task.name, task, (seeds(1, k, rank), seeds(2, k, rank))) for k, task in tasks]
            return {head: HeadFeed(models[head], task, options, both, share) for head, task, both in heads}

        self.own = [of_rank(rank, models) for rank, models in zip(self.ranks.own, places, strict=True)]
        for task in plan.tasks:
            task.lists.release()

    @property
    def first(self) -> dict[str, HeadFeed]:
        """The batches of the first rank of this process, by head."""
        return self.own[0]

    def next(self, head: str) -> list[Batch]:
        """Return the next batch of each rank of this process."""
        return [feeds[head].next() for feeds in self.own]

    def to_plain(self) -> dict[str, Any]:
        """Return the states of all samplers as plain data: those of the first rank, and with several those of each.

        All processes have to call this at the same time.
        """
        own = [{head: feed.to_plain() for head, feed in feeds.items()} for feeds in self.own]
        every = [plain for of_process in self.ranks.gathered(own) for plain in of_process]
        return {"feeds": every[0]} | ({"ranks": every} if self.ranks.count > 1 else {})

    def restore(self, plain: Mapping[str, Any]) -> bool:
        """Go on from the states that `to_plain` returned, and return whether that is possible.

        It is not where there were more ranks or fewer, whose shares were others: frames are then drawn anew.
        """
        every = plain.get("ranks") or [plain["feeds"]]
        if len(every) != self.ranks.count:
            return False
        for rank, feeds in zip(self.ranks.own, self.own, strict=True):
            for head, state in every[rank].items():
                feeds[head].restore(state)
        return True

    def close(self) -> None:
        """End the threads that make batches ready."""
        for feeds in self.own:
            for feed in feeds.values():
                feed.close()
