"""The exchange of rows with other processes, through a halo that carries them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from ..batching.plan import Arrivals, Plan
from ..descriptor.descriptor import sum_of_edges
from ..descriptor.features import Features
from ..nn.arrays import Array, Float, Int, array_namespace, end_to_end, take_rows
from .library import Library

ROWS_AT_ONCE = 1024  # remote atoms whose edges are added up together


@runtime_checkable
class Halo(Protocol):
    """A carrier of rows between processes, made for the atoms that they have now.

    types: of the remote atoms, which a neighbour list numbers behind own ones. first_type: of the first atom of the
    whole system. sent: own atoms whose rows are sent, in order of sending; one that several processes see occurs
    several times.
    """

    types: Int[np.ndarray, "remote"]
    first_type: int
    sent: Int[np.ndarray, "sent"]

    def forward(self, rows: Float[np.ndarray, "sent *rest"]) -> Float[np.ndarray, "remote *rest"]:
        """Return the rows of remote atoms, and give others those that they see."""

    def reverse(self, rows: Float[np.ndarray, "remote *rest"]) -> Float[np.ndarray, "sent *rest"]:
        """Return what others give back to each row that was sent, and give back rows of remote atoms: the adjoint."""

    def largest(self, numbers: Sequence[int]) -> list[int]:
        """Return the largest of each number among all processes."""


@dataclass(frozen=True)
class HaloExchange:
    """An `Exchange` through a halo.

    rows: of the atoms that are sent, on the host. sent: the same on the device, with room. incoming: for pieces of the
    remote atoms, their edges and the mask of these.
    """

    backend: Library
    halo: Halo
    plan: Plan
    dtype: str
    rows: Int[np.ndarray, "sent"]
    sent: Int[Array, "sent_with_room"]
    incoming: tuple[list[Array], list[Array]]

    @classmethod
    def of(cls, backend: Library, halo: Halo, plan: Plan, dtype: str) -> HaloExchange:
        """Return the exchange of an evaluation."""
        rows = plan.inverse[halo.sent]
        room = backend.room(len(rows)) - len(rows)
        return cls(
            backend=backend,
            halo=halo,
            plan=plan,
            dtype=dtype,
            rows=rows,
            sent=backend.asarray(np.pad(rows, (0, room))),
            incoming=backend.arrays(in_pieces(plan.remote, backend.room(len(halo.types))), dtype),
        )

    def with_remote(self, rows: Array) -> Array:
        """Return f of own atoms, and behind them f of remote atoms."""
        (asked,) = self.backend.run(take_rows, (rows,), [self.sent])
        found = self.halo.forward(self.backend.to_numpy(asked)[: len(self.halo.sent)])
        room = self.backend.room(len(found)) - len(found)
        remote = self.backend.asarray(np.pad(found, ((0, room), (0, 0))), self.dtype)
        return array_namespace(rows).concat([rows, remote])

    def with_owed(self, parts: Sequence[Features], edges: Array) -> Sequence[Features]:
        """Return the cotangents of own chunks with what the edges of other processes bring to their atoms."""
        sums = self.backend.run(sum_of_edges, (edges,), *self.incoming)
        owed = self.backend.to_numpy(end_to_end(sums))[: len(self.halo.types)]
        brought = summed(self.halo.reverse(owed), self.rows, len(self.plan.order))
        pieces = self.backend.arrays(self.plan.cut(brought), self.dtype)
        return [part + Features(atom=piece) for part, piece in zip(parts, pieces, strict=True)]

    def settled(self, atoms: Array, owed: Array) -> Array:
        """Return values of own atoms less what other processes owe to them."""
        back = self.halo.reverse(self.backend.to_numpy(owed)[: len(self.halo.types)])
        own = self.backend.to_numpy(atoms)
        return self.backend.asarray(own - summed(back, self.halo.sent, len(own)), self.backend.wide())


def agree_on_lengths(backend: Library, halo: Halo, plan: Plan) -> None:
    """Make room for the longest arrays of all processes, so that they compile for the same lengths."""
    near = sum(chunk.near.size for chunk in plan.chunks)
    edges = sum(len(chunk.types) * chunk.repformer_width for chunk in plan.chunks)
    needed = [len(plan.order), near, edges, len(halo.sent), len(halo.types)]
    backend.agree(needed, halo.largest(needed))


def in_pieces(remote: Arrivals, rows: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the edges of so many remote atoms, and their mask, in pieces; atoms to spare have none."""
    extra = ((0, rows - len(remote.mask)), (0, 0))
    cuts = list(range(ROWS_AT_ONCE, rows, ROWS_AT_ONCE))
    positions, mask = np.pad(remote.positions, extra), np.pad(remote.mask, extra)
    return np.split(positions, cuts), np.split(mask, cuts)


def summed(values: Float[np.ndarray, "value *rest"], rows: Int[np.ndarray, "value"], count: int) -> np.ndarray:
    """Return an array whose row k is the sum of the values whose rows are k, added in their order.

    >>> summed(np.array([1.0, 2.0, 4.0]), np.array([2, 0, 2]), 3)
    array([2., 0., 5.])
    """
    total = np.zeros((count, *values.shape[1:]), values.dtype)
    if len(rows):
        order = np.argsort(rows, kind="stable")
        starts = np.flatnonzero(np.diff(rows[order], prepend=-1))
        total[rows[order][starts]] = np.add.reduceat(values[order], starts, axis=0)
    return total
