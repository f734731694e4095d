"""From systems as users give them to chunks of atoms that a model can run on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any

import numpy as np

from ..backends.protocol import Backend
from ..batching.memory import Demand, turns
from ..batching.plan import ChunkShape, Plan, plan
from ..batching.table import Cutoffs, Others
from ..config import DPA2Config
from ..errors import InputError
from ..evaluation.halo import Halo
from ..evaluation.prepared import Prepared, prepare
from ..neighbors import UNLIMITED, Neighbors, Selection, check_max_neighbors, narrowed, neighbor_list
from ..structures.given import systems_of
from ..structures.parameters import with_defaults
from ..structures.system import System, checked


def check_system(config: DPA2Config, system: System, label: str = "") -> System:
    """Return the system as arrays, with the parameters that the fitting net takes; or raise an `InputError`."""
    return with_defaults(checked(system, config.types, label), config.fitting)


def check_systems(config: DPA2Config, given: Iterable[Any]) -> list[System]:
    """Return several checked systems, of which errors name the one that is wrong."""
    systems = systems_of(given)
    if not systems:
        raise InputError("there are no systems to evaluate", argument="systems")
    several = len(systems) > 1
    return [check_system(config, s, s.name or (f"system {k}" if several else "")) for k, s in enumerate(systems)]


def list_neighbors(config: DPA2Config, system: System, mode: str = "strict") -> Neighbors:
    """Return the neighbour list of a checked system."""
    pairs, names = config.model_excluded_pairs, config.types
    limits = Cutoffs.of(config).repinit
    found = neighbor_list(system, *limits, excluded_pairs=pairs, neighbors=mode, type_map=names)
    require_room(config, found, system, mode)
    return found


def all_neighbors(config: DPA2Config, system: System) -> Neighbors:
    """Return all neighbours of a checked system within the cutoff of a model, however many they are."""
    return neighbor_list(system, config.repinit.cutoff, UNLIMITED, type_map=config.types)


def chosen_neighbors(config: DPA2Config, found: Neighbors, system: System, mode: str = "strict") -> Neighbors:
    """Return the neighbour list of a checked system from all neighbours: that of `list_neighbors`, to the bit."""
    pairs, names = config.model_excluded_pairs, config.types
    chosen = narrowed(found, system.types, Selection(*Cutoffs.of(config).repinit, pairs, mode, names), system.name)
    require_room(config, chosen, system, mode)
    return chosen


def require_room(config: DPA2Config, found: Neighbors, system: System, mode: str) -> None:
    """Raise `TooManyNeighbors` where, with "strict", a list of the descriptor would be cut short."""
    if mode == "strict":
        cutoffs = Cutoffs.of(config)
        named = {"three-body block": cutoffs.three_body, "repformer": cutoffs.repformer}
        check_max_neighbors(found, [(name, *limit) for name, limit in named.items() if limit], system, config.types)


def with_neighbors(config: DPA2Config, systems: Iterable[Any], mode: str) -> tuple[list[System], list[Neighbors]]:
    """Return checked systems and their neighbour lists."""
    checked_systems = check_systems(config, systems)
    return checked_systems, [list_neighbors(config, s, mode) for s in checked_systems]


def in_chunks(
    config: DPA2Config,
    backend: Backend,
    systems: Sequence[System],
    lists: Sequence[Neighbors],
    *,
    virtual_type: int = 0,
    shape: ChunkShape | None = None,
    halo: Halo | None = None,
) -> Prepared:
    """Return checked systems with their lists as chunks of atoms on a back end.

    virtual_type: the type that virtual atoms take on. shape: of the chunks; the back end's own if None. halo: for one
    system of which other processes have a part.
    """
    shape = shape or backend.shape
    shape = shape if halo is None else shape.agreed(halo.largest)
    host = plan_of(config, shape, systems, lists, virtual_type=virtual_type, halo=halo)
    return prepare(backend, config, host, lists, systems, halo)


def plan_of(
    config: DPA2Config,
    shape: ChunkShape,
    systems: Sequence[System],
    lists: Sequence[Neighbors],
    *,
    virtual_type: int = 0,
    halo: Halo | None = None,
) -> Plan:
    """Return the chunks of checked systems on the host."""

    def real(kinds: np.ndarray) -> np.ndarray:
        return np.where(kinds < 0, virtual_type, kinds)

    others = None if halo is None else Others(real(halo.types), int(real(np.asarray(halo.first_type))))
    return plan([real(s.types) for s in systems], lists, Cutoffs.of(config), shape, others)


def in_turns(config: DPA2Config, backend: Backend, lists: Sequence[Neighbors], memory: int | None) -> Iterable[slice]:
    """Return which systems are evaluated together so that none of the turns takes more than `memory` bytes."""
    if memory is None:
        return [slice(None)]
    if isinstance(memory, bool) or not (isinstance(memory, Real) and memory > 0):
        raise InputError(f"memory = {memory!r}: must be a positive number of bytes, or None", argument="memory")
    demands = [Demand.of(found, Cutoffs.of(config)) for found in lists]
    return list(turns(demands, memory, lambda demand: demand.bytes(config, backend.shape, backend.threads)))
