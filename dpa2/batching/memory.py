"""An estimate of the memory that an evaluation takes, and the division of systems into groups that fit a limit.

Two parts are counted: what each atom stores from the forward pass until the pullback, which grows with the number of
atoms, and the intermediates of one chunk in each thread. Libraries need more for themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ..config import DPA2Config
from ..dtypes import DTYPES
from ..errors import InputError
from ..neighbors import Neighbors, counts_within
from .plan import ChunkShape
from .table import Cutoffs


def bytes_per_atom(config: DPA2Config, wide: int, near: int) -> int:
    """Bytes stored from the forward pass until the forces, for an atom with the numbers of neighbours of `Demand`."""
    former, item = config.repformer, DTYPES[config.dtype].size
    state = former.atom_dim + near * (former.pair_dim + 4)
    passing = 2 * near * former.atom_dim + 2 * state  # gradients of the neighbours' f, once more end to end
    lists = wide * (3 * 8 + 7 * item)
    return item * (former.layers * state + passing) + 2 * lists


def bytes_per_chunk_atom(config: DPA2Config, wide: int, near: int) -> int:
    """Bytes of intermediates for each atom of a chunk that is being computed; arguments as above."""
    return DTYPES[config.dtype].size * max(numbers_of_parts(config, wide, near))


def numbers_of_parts(config: DPA2Config, wide: int, near: int) -> tuple[int, int, int]:
    """Numbers of intermediates for each atom: in repinit, the three-body block, and one layer of the repformer."""
    former = config.repformer
    embedding = 6 * wide * sum(config.repinit.widths)
    pairs = 6 * near**2 * (sum(config.three_body.widths) if config.three_body else 0)
    attention = near * (former.pair_attention_heads * (10 * near + 6 * former.pair_dim) + 8 * former.atom_dim)
    return embedding, pairs, attention


@dataclass(frozen=True)
class Demand:
    """The facts that memory depends on: the number of atoms, and the largest numbers of neighbours.

    wide, near: neighbours of one atom within the cutoffs of repinit and of the repformer.
    """

    atoms: int
    wide: int
    near: int

    @classmethod
    def of(cls, found: Neighbors, cutoffs: Cutoffs) -> Demand:
        """The demand of one system."""
        counts = (counts_within(found, *limits) for limits in (cutoffs.repinit, cutoffs.repformer))
        return cls(len(found.index), *(int(c.max(initial=1)) for c in counts))

    def __add__(self, other: Demand) -> Demand:
        return Demand(self.atoms + other.atoms, max(self.wide, other.wide), max(self.near, other.near))

    def bytes(self, config: DPA2Config, shape: ChunkShape, threads: int) -> int:
        """Estimated bytes of one evaluation of all atoms, with so many chunks computed at the same time."""
        in_chunks = min(self.atoms, threads * shape.atoms_in_chunk(self.atoms))
        working = in_chunks * bytes_per_chunk_atom(config, self.wide, self.near)
        return self.atoms * bytes_per_atom(config, self.wide, self.near) + working


def turns(demands: Sequence[Demand], limit: int, cost: Callable[[Demand], int]) -> Iterator[slice]:
    """Groups of consecutive systems, each with at most `limit` bytes.

    Raises `InputError` where one system alone takes more.

    >>> small, large = Demand(10, 9, 4), Demand(30, 9, 4)
    >>> list(turns([small, small, large], 30, cost=lambda demand: demand.atoms))
    [slice(0, 2, None), slice(2, 3, None)]
    """
    start, total = 0, None
    for k, demand in enumerate(demands):
        if cost(demand) > limit:
            what = f"system {k} takes {cost(demand) / 1e6:.0f} MB, {limit / 1e6:.0f} MB are allowed"
            raise InputError(f"{what}; smaller chunks may help: model.to(..., chunk=8)", system=k, limit=limit)
        if total is not None and cost(total + demand) > limit:
            yield slice(start, k)
            start, total = k, None
        total = demand if total is None else total + demand
    if total is not None:
        yield slice(start, len(demands))
