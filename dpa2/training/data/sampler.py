"""The choice of the next frames: a system by chance, then the next frames of a random order of its own.

The state of all randomness is a value that is handed in and returned; a training that continues from it goes on as one
that was not interrupted. Source: section 5.3 of the specification of training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ...nn.arrays import Int

Seed: TypeAlias = int | Sequence[int] | None


@dataclass(frozen=True, eq=False)
class Queue:
    """The frames of a system in a random order, and how many of them were taken."""

    order: Int[np.ndarray, "frame"]
    taken: int


@dataclass(frozen=True, eq=False, repr=False)
class SamplerState:
    """The state of a generator of random numbers, and the queue of each system, which is empty in the beginning."""

    generator: dict[str, Any]
    queues: tuple[Queue, ...]

    def to_plain(self) -> dict[str, Any]:
        """Return dictionaries, lists and whole numbers, for a file."""
        queues = [{"order": queue.order.tolist(), "taken": queue.taken} for queue in self.queues]
        return {"generator": self.generator, "queues": queues}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> SamplerState:
        """Return the state that `to_plain` wrote."""
        queues = (Queue(np.array(q["order"], dtype=np.int64), int(q["taken"])) for q in plain["queues"])
        return cls(plain["generator"], tuple(queues))


@dataclass(frozen=True)
class Choice:
    """The frames of the next batch: the number of a system, and the numbers of its frames."""

    system: int
    frames: tuple[int, ...]


@dataclass(frozen=True)
class Sampler:
    """The rules of a choice.

    frames: how many each system has. sizes: how many of them make a batch. probabilities: of the systems.
    """

    frames: tuple[int, ...]
    sizes: tuple[int, ...]
    probabilities: tuple[float, ...]

    @property
    def batches(self) -> tuple[int, ...]:
        """The number of batches of each system, the last of which may be smaller."""
        return batches_of(self.frames, self.sizes)

    def start(self, seed: Seed) -> SamplerState:
        """Return the state before the first choice; a seed of None stands for another one each time."""
        nothing = Queue(np.zeros(0, dtype=np.int64), 0)
        return SamplerState(dict(np.random.default_rng(seed).bit_generator.state), (nothing,) * len(self.frames))

    def draw(self, state: SamplerState) -> tuple[Choice, SamplerState]:
        """Return the next choice, and the state after it.

        >>> sampler = Sampler((3,), (2,), (1.0,))
        >>> first, state = sampler.draw(sampler.start(seed=1))
        >>> second, _ = sampler.draw(state)
        >>> sorted(first.frames + second.frames), len(second.frames)
        ([0, 1, 2], 1)
        """
        system, generator = draw_number(self.probabilities, state.generator)
        random = generator_of(generator)
        queue = state.queues[system]
        if queue.taken >= len(queue.order):
            queue = Queue(random.permutation(self.frames[system]), 0)
        end = min(queue.taken + self.sizes[system], len(queue.order))
        choice = Choice(system, tuple(queue.order[queue.taken : end].tolist()))
        queues = (*state.queues[:system], Queue(queue.order, end), *state.queues[system + 1 :])
        return choice, SamplerState(dict(random.bit_generator.state), queues)


def draw_number(probabilities: Sequence[float], generator: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Return a number by chance, such as that of a head, and the state of the generator after it.

    >>> state = dict(np.random.default_rng(1).bit_generator.state)
    >>> number, state = draw_number([0.0, 1.0], state)
    >>> number
    1
    """
    random = generator_of(generator)
    return int(random.choice(len(probabilities), p=probabilities)), dict(random.bit_generator.state)


def generator_of(state: dict[str, Any]) -> np.random.Generator:
    """Return a generator in a state."""
    random = np.random.default_rng(0)
    random.bit_generator.state = state
    return random


def batches_of(frames: Sequence[int], sizes: Sequence[int]) -> tuple[int, ...]:
    """Return how many batches of some sizes the frames make.

    >>> batches_of([7, 4], [2, 2])
    (4, 2)
    """
    return tuple(-(-count // size) for count, size in zip(frames, sizes, strict=True))


def first_frames(sampler: Sampler, batches: int, seed: Seed) -> list[tuple[int, ...]]:
    """Return the frames of the first batches of each system, at most so many batches, in a random order.

    Statistics are taken from these (section 6.2): probabilities of systems play no part, and a sample that covers all
    frames is not random but for its order.
    """
    random = np.random.default_rng(seed)
    orders = (random.permutation(count) for count in sampler.frames)
    return [tuple(order[: batches * size].tolist()) for order, size in zip(orders, sampler.sizes, strict=True)]
