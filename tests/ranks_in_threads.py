"""A system divided among ranks that are threads of one process: no MPI is needed to test an exchange."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dpa2.structures.system import System


class Mail:
    """Boxes for arrays between ranks."""

    def __init__(self, ranks: int) -> None:
        self.boxes: dict = {}
        self.barrier = threading.Barrier(ranks, timeout=120)

    def passed(self, rank: int, outgoing: Sequence[np.ndarray]) -> list[np.ndarray]:
        """What each rank has for this one, once all have handed in what they have for the others."""
        self.boxes[rank] = list(outgoing)
        self.barrier.wait()
        found = [self.boxes[other][rank] for other in range(len(self.boxes))]
        self.barrier.wait()
        return found


class ThreadHalo:
    """The halo of a rank: `atoms` and `remote` are numbers of atoms of the whole system."""

    def __init__(self, mail: Mail, rank: int, atoms: list[np.ndarray], remote: list[np.ndarray], types: np.ndarray):
        owner = np.empty(len(types), dtype=int)
        for other, each in enumerate(atoms):
            owner[each] = other
        self.mail, self.rank = mail, rank
        self.types, self.first_type = types[remote[rank]], int(types[0])
        asked = [each[owner[each] == rank] for each in remote]
        self.sent = np.searchsorted(atoms[rank], np.concatenate(asked))
        self.cuts = np.cumsum([len(each) for each in asked])[:-1]
        self.places = [np.flatnonzero(owner[remote[rank]] == other) for other in range(len(atoms))]

    def forward(self, rows: np.ndarray) -> np.ndarray:
        found = np.full((len(self.types), *rows.shape[1:]), np.nan, rows.dtype)
        for place, part in zip(self.places, self.mail.passed(self.rank, np.split(rows, self.cuts)), strict=True):
            found[place] = part
        return found

    def reverse(self, rows: np.ndarray) -> np.ndarray:
        return np.concatenate(self.mail.passed(self.rank, [rows[place] for place in self.places]))

    def largest(self, numbers: Sequence[int]) -> list[int]:
        handed = self.mail.passed(self.rank, [np.asarray(numbers)] * len(self.places))
        return np.max(handed, axis=0).tolist()


def parts(system: System, found, owner: np.ndarray, ranks: int) -> list[tuple]:
    """The system, the list and the halo of each rank; `owner` of each atom of a checked system with its list."""
    atoms = [np.flatnonzero(owner == rank) for rank in range(ranks)]
    remote = [np.setdiff1d(found.index[own], [-1, *own]) for own in atoms]
    mail = Mail(ranks)
    made = []
    for rank, own in enumerate(atoms):
        number = np.full(len(owner) + 1, -1)
        number[own] = np.arange(len(own))
        number[remote[rank]] = len(own) + np.arange(len(remote[rank]))
        width = int(found.counts[own].max(initial=0))
        columns = {n: getattr(found, n)[own, :width] for n in ("vector", "distance", "extended")}
        rows = {"counts": found.counts[own], "total": found.total[own], "shift": None}
        listed = replace(found, index=number[found.index[own, :width]], **columns, **rows)
        parameters = None if system.atom_parameters is None else system.atom_parameters[own]
        place = replace(
            system, coordinates=system.coordinates[own], types=system.types[own], cell=None, pbc=None,
            atom_parameters=parameters,
        )  # fmt: skip
        made.append((place, listed, ThreadHalo(mail, rank, atoms, remote, system.types)))
    return made


def on_all(made: list[tuple], compute) -> list:
    """The results of `compute(system, list, halo)` of all ranks, which run at the same time."""
    results: list = [None] * len(made)

    def one(rank: int) -> None:
        try:
            results[rank] = compute(*made[rank])
        except BaseException as error:
            results[rank] = error
            made[rank][2].mail.barrier.abort()

    threads = [threading.Thread(target=one, args=(rank,)) for rank in range(len(made))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in results:
        if isinstance(error, BaseException) and not isinstance(error, threading.BrokenBarrierError):
            raise error
    return results
