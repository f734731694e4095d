"""The probability of each system, and the number of steps of an epoch.

Source: sections 5.3 and 5.4 of the specification of training.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...config.rules import refuse
from ...nn.arrays import Float


@dataclass(frozen=True)
class Block:
    """Systems from `start` up to `end`, which share a weight."""

    start: int
    end: int
    weight: float


@dataclass(frozen=True)
class Style:
    """All systems alike, or in proportion to their batches; the latter within blocks of systems, if there are some."""

    uniform: bool
    blocks: tuple[Block, ...]
    path: str
    text: str

    def probabilities(self, batches: Sequence[int]) -> Float[np.ndarray, "system"]:
        """Return the probability of each system; batches: how many each has."""
        counts = np.array(batches, dtype=float)
        if self.uniform:
            return np.full(len(counts), 1.0 / len(counts))
        if not self.blocks:
            return counts / counts.sum()
        total, found = sum(block.weight for block in self.blocks), np.zeros(len(counts))
        for block in self.blocks:
            if block.end > len(counts):
                refuse(self.path, self.text, f"names systems up to {block.end}, there are {len(counts)}")
            inside = counts[block.start : block.end]
            found[block.start : block.end] = block.weight / total * (inside / inside.sum())
        return found / found.sum()


def read_style(text: str, path: str = "auto_prob") -> Style:
    """Return the style that a value of `auto_prob` means, such as "prob_sys_size;0:2:0.3;2:5:0.7".

    Raises `ConfigurationError` for a value that is none.

    >>> read_style("prob_sys_size;0:1:0.5;1:3:0.5").probabilities([7, 5, 15]).tolist()
    [0.5, 0.125, 0.375]
    """
    name, *rest = text.split(";")
    if name not in ("prob_uniform", "prob_sys_size") or (name == "prob_uniform" and rest):
        refuse(path, text, "must be 'prob_uniform', 'prob_sys_size' or 'prob_sys_size;start:end:weight;...'")
    blocks = tuple(read_block(part, text, path) for part in rest)
    taken = [k for block in blocks for k in (block.start, block.end)]
    if taken != sorted(taken):
        refuse(path, text, "has blocks that overlap or are not in order")
    if blocks and sum(block.weight for block in blocks) <= 0:
        refuse(path, text, "has no block with a positive weight")
    return Style(name == "prob_uniform", blocks, path, text)


def read_block(part: str, text: str, path: str) -> Block:
    """Return the block that a part such as "0:2:0.3" means."""
    try:
        start, end, weight = part.split(":")
        block = Block(int(start), int(end), float(weight))
    except ValueError:
        refuse(path, text, f"{part!r} is no block start:end:weight")
    if not (0 <= block.start < block.end and 0 <= block.weight < math.inf):
        refuse(path, text, f"the block {part!r} must have 0 <= start < end and a weight that is not negative")
    return block


def system_probabilities(
    batches: Sequence[int],
    style: Style | None = None,
    given: Sequence[float] | None = None,
    path: str = "sys_probs",
) -> Float[np.ndarray, "system"]:
    """Return the probability of each system.

    batches: how many each has. given: probabilities; systems with a negative one share the rest in proportion to their
    batches, and `style` has no effect. Raises `ConfigurationError` for probabilities that cannot be.

    >>> system_probabilities([7, 5, 15], given=[0.5, -1, -1]).tolist()
    [0.5, 0.125, 0.375]
    """
    if given is None:
        return (style or read_style("prob_sys_size")).probabilities(batches)
    fixed, counts = np.array(given, dtype=float), np.array(batches, dtype=float)
    if len(fixed) != len(counts):
        refuse(path, list(given), f"has {len(fixed)} numbers for {len(counts)} systems")
    free = fixed < 0
    rest = 1.0 - fixed[~free].sum()
    if rest < -1e-12:
        refuse(path, list(given), f"the numbers that are not negative sum to {1.0 - rest}, more than 1")
    if not free.any() and rest > 1e-12:
        refuse(path, list(given), f"the numbers sum to {1.0 - rest}; they must sum to 1, or one must be negative")
    found = np.where(free, 0.0, fixed)
    found[free] = max(rest, 0.0) * counts[free] / counts[free].sum()
    return found / found.sum()


def steps_of_epoch(batches: Sequence[int], probabilities: Sequence[float]) -> int:
    """Return the number of steps after which every system has been seen once, on average.

    Where that is a whole number, rounding of the probabilities may make it one more, as in the reference.

    >>> steps_of_epoch([7, 3], [0.7, 0.3])
    10
    """
    shares = [count / p for count, p in zip(batches, probabilities, strict=True) if p > 0]
    return math.ceil(max(shares))
