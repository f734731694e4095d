"""The exchange of atoms' rows between ranks: each remote atom once, to and fro.

A plan says which own atoms a rank sends to whom, and where its remote atoms come from. It holds until LAMMPS makes new
neighbour lists. Ranks find the owners of their remote atoms through a third rank, the *home* of an atom's id, so that
nobody keeps a table of all atoms.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import InputError
from ...nn.arrays import Int
from .nodes import located

NOBODY = sys.maxsize, 0  # in place of the lowest id of a rank and its type, where it has no atoms


class Halo:
    """The exchange of one rank, over a communicator of mpi4py; all ranks make it, and call its methods, together.

    tags, types: (N + M,), ids and types of the own atoms and of the remote ones, these in ascending order of ids.

    `types`: (M,), those of the remote atoms. `first_type`: that of the atom with the lowest id of all. `sent`: (S,),
    own atoms whose rows are sent, rank by rank, so that an atom may occur several times. `seconds`: spent in exchanges.

    Raises `InputError` where no rank owns a remote atom (facts: atom).
    """

    def __init__(self, comm: Any, own: int, tags: Int[np.ndarray, "node"], types: Int[np.ndarray, "node"]):
        self.comm = comm
        self.types = types[own:]
        self.seconds = 0.0
        start = time.perf_counter()
        first = int(np.argmin(tags[:own])) if own else None
        self.first_type = comm.allreduce(NOBODY if first is None else (int(tags[first]), int(types[first])), op=min)[1]
        owners = owners_of(comm, tags[:own], tags[own:])
        self.arrival = np.argsort(owners, kind="stable")  # of each row that arrives, the remote atom
        self.arriving = np.bincount(owners, minlength=comm.size)
        wanted = comm.alltoall(split(tags[own:][self.arrival], self.arriving))
        self.leaving = np.array([len(each) for each in wanted])
        self.sent = rows_of(tags[:own], np.concatenate(wanted))
        self.seconds += time.perf_counter() - start

    def forward(self, rows: np.ndarray) -> np.ndarray:
        """Return rows of the remote atoms (M, ...) from those of the sent atoms (S, ...) of all ranks."""
        found = self.swap(rows, self.leaving, self.arriving)
        remote = np.empty_like(found)
        remote[self.arrival] = found
        return remote

    def reverse(self, rows: np.ndarray) -> np.ndarray:
        """Return for each sent row (S, ...) what its remote atom has on the rank that it was sent to."""
        return self.swap(rows[self.arrival], self.arriving, self.leaving)

    def swap(self, rows: np.ndarray, leaving: np.ndarray, arriving: np.ndarray) -> np.ndarray:
        """Return the rows that arrive, rank by rank, where so many leave to each rank."""
        start = time.perf_counter()
        found = np.empty((int(arriving.sum()), *rows.shape[1:]), dtype=rows.dtype)
        width = rows.dtype.itemsize * int(np.prod(rows.shape[1:], dtype=np.int64))
        outgoing = np.ascontiguousarray(rows).reshape(-1).view(np.uint8)
        incoming = found.reshape(-1).view(np.uint8)
        self.comm.Alltoallv([outgoing, leaving * width], [incoming, arriving * width])
        self.seconds += time.perf_counter() - start
        return found

    def largest(self, numbers: Sequence[int]) -> list[int]:
        """Return the largest of each of some numbers over all ranks."""
        start = time.perf_counter()
        found = self.comm.allreduce(np.array(numbers, dtype=np.int64), op=np.maximum)
        self.seconds += time.perf_counter() - start
        return [int(number) for number in found]


def owners_of(comm: Any, own: Int[np.ndarray, "atom"], wanted: Int[np.ndarray, "remote"]) -> Int[np.ndarray, "remote"]:
    """Return the rank that owns each wanted atom."""
    known = comm.alltoall([own[own % comm.size == home] for home in range(comm.size)])
    tags = np.concatenate(known)
    order = np.argsort(tags, kind="stable")
    owner = np.repeat(np.arange(comm.size), [len(each) for each in known])[order]
    homes = wanted % comm.size
    asked = comm.alltoall([wanted[homes == home] for home in range(comm.size)])
    answers = comm.alltoall([np.append(owner, -1)[located(tags[order], each)] for each in asked])
    found = np.empty(len(wanted), dtype=np.int64)
    found[np.argsort(homes, kind="stable")] = np.concatenate(answers)
    if (found < 0).any():
        atom = int(wanted[found < 0][0])
        raise InputError(f"atom id {atom} is a neighbour on MPI rank {comm.rank}, and no rank owns it", atom=atom)
    return found


def rows_of(own: Int[np.ndarray, "atom"], wanted: Int[np.ndarray, "sent"]) -> Int[np.ndarray, "sent"]:
    """Return the rows of wanted ids among the own ones."""
    order = np.argsort(own, kind="stable")
    return np.append(order, -1)[located(own[order], wanted)]


def split(values: np.ndarray, counts: Int[np.ndarray, "rank"]) -> list[np.ndarray]:
    """Return the values in pieces of the given lengths."""
    return np.split(values, np.cumsum(counts)[:-1])
