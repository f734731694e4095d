"""Neighbour lists of frames, searched once and kept: in memory up to a limit, on disk where a folder is named.

What is kept first are all neighbours within the cutoff, which the count before a training needs, too; the list of a
model, which may be shorter, follows from them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from threading import Lock

import numpy as np

from ...config import DPA2Config
from ...errors import WriteFailed
from ...model.preparation import all_neighbors, chosen_neighbors
from ...neighbors import Neighbors
from ...structures.system import System

MEMORY = 2 * 10**9  # bytes of lists that are kept, unless another limit is given
FIELDS = tuple(f.name for f in fields(Neighbors))


@dataclass
class KeptLists:
    """The neighbour lists of a model for structures that are asked for again and again.

    config: of the model. neighbors: "strict" or "truncate", as in `Model.evaluate`. memory: bytes of lists that are
    kept in memory; lists that have no room are computed each time, or read from the folder. folder: where lists are
    kept between trainings, each in a file named after what it depends on.

    >>> from dpa2 import testing
    >>> from dpa2.model.preparation import check_system
    >>> config = testing.small_config()
    >>> kept = KeptLists(config)
    >>> water = check_system(config, System([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], [0, 1, 1]))
    >>> kept.of("frame 0", water) is kept.of("frame 0", water)
    True
    """

    config: DPA2Config
    neighbors: str = "strict"
    memory: int = MEMORY
    folder: str | Path | None = None
    used: int = 0
    computed: int = 0
    lists: dict[Hashable, Neighbors] = field(default_factory=dict, repr=False)
    chosen: set[Hashable] = field(default_factory=set, repr=False)
    lock: Lock = field(default_factory=Lock, repr=False)

    def of(self, key: Hashable, system: System) -> Neighbors:
        """Return the list of a checked structure; key: one name for it in this run, by which it is found in memory."""
        with self.lock:
            known, done = self.lists.get(key), key in self.chosen
        if known is not None and done:
            return known
        found = chosen_neighbors(self.config, known or self.stored(system), system, self.neighbors)
        self.keep(key, found, chosen=True)
        return found

    def every(self, key: Hashable, system: System, keep: bool = True) -> Neighbors:
        """Return all neighbours in a checked structure, and keep them for `of` if there is room, and if that is asked.

        Those that were cut short for a model already are searched again.
        """
        with self.lock:
            known = None if key in self.chosen else self.lists.get(key)
        found = known or self.stored(system)
        if keep:
            self.keep(key, found)
        return found

    def keep(self, key: Hashable, found: Neighbors, chosen: bool = False) -> None:
        """Keep a list in memory if there is room; the one `chosen` for the model takes the place of all neighbours."""
        with self.lock:
            before = self.lists.get(key)
            size = bytes_of(found) - (bytes_of(before) if before is not None else 0)
            if (before is None or chosen) and self.used + size <= self.memory:
                self.lists[key] = found
                self.used += size
                self.chosen |= {key} if chosen else set()

    def for_model(
        self, config: DPA2Config, neighbors: str, memory: int = MEMORY, folder: str | Path | None = None
    ) -> KeptLists:
        """Return the lists of a model with the same cutoff, which begin with what is kept here."""
        other = KeptLists(config, neighbors, memory, folder)
        with self.lock:
            known = {key: found for key, found in self.lists.items() if key not in self.chosen}
        for key, found in known.items() if config.repinit.cutoff == self.config.repinit.cutoff else ():
            other.keep(key, found)
        return other

    def release(self) -> None:
        """Forget the lists in memory; those who took them over still have them."""
        with self.lock:
            self.lists.clear()
            self.chosen.clear()
            self.used = 0

    def stored(self, system: System) -> Neighbors:
        """Return all neighbours in a structure, from the folder, or searched now."""
        if self.folder is None:
            return self.compute(system)
        path = Path(self.folder) / f"{self.digest(system)}.npz"
        found = read_list(path, len(system.types))
        if found is None:
            found = self.compute(system)
            write_list(path, found)
        return found

    def compute(self, system: System) -> Neighbors:
        """Return all neighbours in a structure, searched now."""
        self.computed += 1
        return all_neighbors(self.config, system)

    def digest(self, system: System) -> str:
        """Return a name for all that the neighbours within the cutoff depend on."""
        settings = "all", self.config.repinit.cutoff, system.pbc, system.cell is None
        digest = hashlib.sha256(repr(settings).encode())
        for array in (system.coordinates, system.types, *([] if system.cell is None else [system.cell])):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:32]


def arrays_of(found: Neighbors) -> dict[str, np.ndarray]:
    """Return the arrays of a list by their names."""
    return {name: getattr(found, name) for name in FIELDS if getattr(found, name) is not None}


def bytes_of(found: Neighbors) -> int:
    """Return the memory of a list."""
    return sum(array.nbytes for array in arrays_of(found).values())


def read_list(path: Path, atoms: int) -> Neighbors | None:
    """Return a list from a file; None if there is none, or it is damaged and has to be computed again."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as data:
            found = {name: data[name] if name in data.files else None for name in FIELDS}
        neighbors = Neighbors(**found)  # type: ignore[arg-type]  # checked below
        fits = len(neighbors.counts) == atoms == len(neighbors.total)
        fits = fits and neighbors.vector.shape == (*neighbors.index.shape, 3) and len(neighbors.index) == atoms
        return neighbors if fits and neighbors.distance.shape == neighbors.index.shape else None
    except Exception:  # a damaged file makes the reader raise nearly anything
        return None


def write_list(path: Path, found: Neighbors) -> None:
    """Write a list, which appears complete or not at all; `WriteFailed` where the system does not let it be written."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "wb") as file:
            np.savez(file, **arrays_of(found))  # type: ignore[arg-type]
        os.replace(part, path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        reason = error.strerror or str(error)
        raise WriteFailed(f"{path}: {reason}; name another folder for lists", file=str(path), reason=reason) from error
