"""An exchange between ranks, checked on each of them; as a program, on the ranks of mpiexec."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from functools import reduce
from operator import add

import numpy as np

from dpa2.interfaces.lammps.halo import Halo


class Post:
    """What ranks that are threads of one process hand to each other."""

    def __init__(self, ranks: int):
        self.boxes: list = [None] * ranks
        self.barrier = threading.Barrier(ranks, timeout=60)

    def gathered(self, rank: int, given) -> list:
        self.boxes[rank] = given
        self.barrier.wait()
        found = list(self.boxes)
        self.barrier.wait()
        return found


class ThreadComm:
    """The communicator of a rank that is a thread: the calls of mpi4py that a halo makes."""

    def __init__(self, post: Post, rank: int):
        self.post, self.rank, self.size = post, rank, len(post.boxes)

    def allgather(self, given) -> list:
        return self.post.gathered(self.rank, given)

    def allreduce(self, given, op: Callable = add):
        return reduce(op, self.allgather(given))

    def alltoall(self, given: Sequence) -> list:
        return [each[self.rank] for each in self.allgather(list(given))]

    def Alltoallv(self, outgoing: list, incoming: list) -> None:
        data, counts = outgoing
        assert data.dtype == incoming[0].dtype == np.uint8
        assert sum(counts) == len(data)
        found = self.alltoall(np.split(data.copy(), np.cumsum(counts)[:-1]))
        assert [len(each) for each in found] == list(incoming[1])
        incoming[0][:] = np.concatenate(found)


def on_threads(ranks: int, function: Callable) -> list:
    """What a function of a communicator returns on each of some ranks."""
    results: list = [None] * ranks
    post = Post(ranks)

    def run(rank: int) -> None:
        try:
            results[rank] = function(ThreadComm(post, rank))
        except BaseException as error:
            results[rank] = error
            post.barrier.abort()

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(ranks)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    errors = [each for each in results if isinstance(each, BaseException)]
    for error in sorted(errors, key=lambda each: isinstance(each, threading.BrokenBarrierError)):
        raise error
    return results


def check(comm, seed: int, atoms: int, width: tuple[int, ...], dtype: str, busy: int) -> tuple[float, float]:
    """A random decomposition in which `busy` ranks have atoms: the two sides of the adjoint identity."""
    rng = np.random.default_rng(seed)
    tags = rng.choice(10 * atoms + 1, size=atoms, replace=False) + 1
    owner = rng.permutation(comm.size)[rng.integers(0, busy, atoms)]
    kinds = rng.integers(0, 5, atoms)
    sees = rng.random((comm.size, atoms)) < rng.random()
    value, dual = (rng.integers(-8, 8, (atoms, *width)).astype(dtype) for _ in range(2))

    own = np.flatnonzero(owner == comm.rank)
    remote = np.flatnonzero((owner != comm.rank) & sees[comm.rank])
    remote = remote[np.argsort(tags[remote])]
    nodes = np.concatenate([own, remote])
    halo = Halo(comm, len(own), tags[nodes], kinds[nodes])

    assert halo.types.tolist() == kinds[remote].tolist()
    assert atoms == 0 or halo.first_type == kinds[np.argmin(tags)]
    assert len(halo.sent) == sum(
        (owner[sees[other]] == comm.rank).sum() for other in range(comm.size) if other != comm.rank
    )
    found = halo.forward(value[own][halo.sent])
    assert found.dtype == value.dtype
    assert np.array_equal(found, value[remote])
    back = halo.reverse(dual[remote])
    assert back.shape == (len(halo.sent), *width)
    here = float((value[own][halo.sent].astype(float) * back.astype(float)).sum())
    there = float((found.astype(float) * dual[remote].astype(float)).sum())
    assert halo.largest([comm.rank, -comm.rank, 7]) == [comm.size - 1, 0, 7]
    return comm.allreduce(here), comm.allreduce(there)


def main() -> None:
    from mpi4py import MPI

    for seed in range(40):
        busy = 1 + seed % MPI.COMM_WORLD.size
        width = ((), (3,), (2, 3))[seed % 3]
        here, there = check(MPI.COMM_WORLD, seed, 3 * seed, width, ("float64", "float32", "float16")[seed % 3], busy)
        assert here == there, seed
    if MPI.COMM_WORLD.rank == 0:
        print("all equal on", MPI.COMM_WORLD.size)


if __name__ == "__main__":
    sys.exit(main())
