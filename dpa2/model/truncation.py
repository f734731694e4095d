"""A warning where an evaluation leaves out neighbours because an atom has more than the model holds."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..batching.table import Cutoffs
from ..config import DPA2Config
from ..neighbors import Neighbors
from ..structures.system import System

NAMES = {"repinit": "repinit", "three_body": "three-body block", "repformer": "repformer"}


class TruncationWarning(UserWarning):
    """Neighbours were left out, because atoms have more than the model holds (facts: truncations)."""

    def __init__(self, message: str, truncations: Sequence[Truncation] = ()):
        super().__init__(message)
        self.truncations = tuple(truncations)


@dataclass(frozen=True)
class Truncation:
    """The cut of one block's list: the number of atoms that lose neighbours, and the atom that has the most.

    block: name of the block. limit: its max_neighbors. atoms: how many atoms have more. atom, symbol, system: the one
    with the most, what it is and where. count: how many it has.
    """

    block: str
    limit: int
    atoms: int
    atom: int
    symbol: str
    system: str
    count: int

    def __str__(self) -> str:
        where = f" of {self.system}" if self.system else ""
        number = f"{self.atoms} atoms have" if self.atoms > 1 else "1 atom has"
        return (
            f"{number} more neighbours than the {self.limit} that the model's {self.block} holds "
            f"(atom {self.atom} ({self.symbol}){where} has {self.count})"
        )


def warn_of_truncation(config: DPA2Config, systems: Sequence[System], lists: Sequence[Neighbors]) -> None:
    """Issue one `TruncationWarning` for all blocks and systems of an evaluation whose lists were cut."""
    warn(t for system, found in zip(systems, lists, strict=True) for t in truncations(config, system, found))


def truncations(config: DPA2Config, system: System, found: Neighbors) -> Iterator[Truncation]:
    """Yield what was cut from each block's list of one system."""
    for block, (cutoff, limit) in Cutoffs.of(config).lists.items():
        counts = found.total if block == "repinit" else (found.distance <= cutoff).sum(axis=1)
        if (counts > limit).any():
            atom = int(np.argmax(counts))
            facts = atom, config.types[system.types[atom]], system.name, int(counts[atom])
            yield Truncation(NAMES[block], limit, int((counts > limit).sum()), *facts)


def warn(found: Iterable[Truncation]) -> None:
    """Issue one warning of several truncations, or none if there are none."""
    together = summed(found)
    if together:
        warnings.warn(TruncationWarning(wording(together), together), stacklevel=4)


def wording(found: Sequence[Truncation]) -> str:
    """A sentence that says what was cut, and what follows from it."""
    rule = "the farthest are left out, and the energy jumps where a neighbour enters or leaves"
    return f"{'; '.join(map(str, found))}: {rule}"


def summed(found: Iterable[Truncation]) -> list[Truncation]:
    """Return one truncation for each block, with the number of all atoms and the atom that has the most neighbours."""
    blocks: dict[str, Truncation] = {}
    for one in found:
        known = blocks.get(one.block, replace(one, atoms=0, count=-1))
        most = one if one.count > known.count else known
        blocks[one.block] = replace(most, atoms=one.atoms + known.atoms)
    return list(blocks.values())
