"""Neighbour lists of frames, computed once and kept: in memory up to a limit, on disk where a folder is named."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from threading import Lock

import numpy as np

from ...batching.table import Cutoffs
from ...config import DPA2Config
from ...errors import WriteFailed
from ...model.preparation import list_neighbors
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
    lock: Lock = field(default_factory=Lock, repr=False)

    def of(self, key: Hashable, system: System) -> Neighbors:
        """Return the list of a checked structure; key: one name for it in this run, by which it is found in memory."""
        with self.lock:
            if key in self.lists:
                return self.lists[key]
        found = self.stored(system)
        self.keep(key, found)
        return found

    def keep(self, key: Hashable, found: Neighbors) -> None:
        """Keep a list in memory, if there is room for it."""
        size = sum(array.nbytes for array in arrays_of(found).values())
        with self.lock:
            if key not in self.lists and self.used + size <= self.memory:
                self.lists[key] = found
                self.used += size

    def stored(self, system: System) -> Neighbors:
        """Return a list from the folder, or compute it."""
        if self.folder is None:
            return self.compute(system)
        path = Path(self.folder) / f"{self.digest(system)}.npz"
        found = read_list(path, len(system.types))
        if found is None:
            found = self.compute(system)
            write_list(path, found)
        return found

    def compute(self, system: System) -> Neighbors:
        """Return the list of a structure, computed now."""
        self.computed += 1
        return list_neighbors(self.config, system, self.neighbors)

    def digest(self, system: System) -> str:
        """Return a name for all that a list depends on."""
        cutoffs = Cutoffs.of(self.config)
        settings = self.neighbors, cutoffs.lists, self.config.model_excluded_pairs, system.pbc, system.cell is None
        digest = hashlib.sha256(repr(settings).encode())
        for array in (system.coordinates, system.types, *([] if system.cell is None else [system.cell])):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:32]


def arrays_of(found: Neighbors) -> dict[str, np.ndarray]:
    """Return the arrays of a list by their names."""
    return {name: getattr(found, name) for name in FIELDS if getattr(found, name) is not None}


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
