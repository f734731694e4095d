"""What a communicator of mpi4py does, for the only rank of a program without MPI."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


class Alone:
    """A communicator with one rank, in place of `mpi4py.MPI.Comm`."""

    rank, size = 0, 1

    def alltoall(self, given: Sequence[T]) -> list[T]:
        """Return what each rank has for this one."""
        return list(given)

    def allgather(self, given: T) -> list[T]:
        """Return what all ranks have."""
        return [given]

    def allreduce(self, given: T, op: Callable[[T, T], T] | None = None) -> T:
        """Return the sum over all ranks, or what `op` makes of all."""
        return given

    def bcast(self, given: T) -> T:
        """Return what the first rank has."""
        return given

    def Alltoallv(self, outgoing: list[Any], incoming: list[Any]) -> None:
        """Copy the bytes of each rank for this one."""
        incoming[0][:] = outgoing[0]
