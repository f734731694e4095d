"""Made-up clusters in which exactly one thing happens while an atom is dragged.

The atom moves on a line through another one, the centre. At a known distance it crosses a cutoff of a block, passes
another neighbour, or pushes one out of a list that is full. Nothing else happens within a few steps to either side,
so that a jump is of what it is said to be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement

import numpy as np

from ..config import DPA2Config
from ..errors import InputError
from ..structures.system import System
from ..testing.structures import with_zero_parameters

STEP = 0.02  # Å
QUIET = 6  # steps to either side
ATOMS = 5  # of a cluster, or fewer where a model holds few neighbours
TRIES, TRIES_WITH_ONE_STEP = 16000, 1000
FINER = 10  # how many times shorter steps are in a dense cluster, where one atom of many makes a small jump
DENSE = 0.85  # of the distance at which a full list overflows: how far the atoms reach that fill it


@dataclass(frozen=True, eq=False)
class Drag:
    """A cluster, and where something happens as its last atom moves away from its first.

    event: what happens. at: the distance at which it does, Å. step: Å.
    system: all atoms, checked; the first is the origin. way: (3,), of length 1.
    overflows: whether a list is full, and cut.
    """

    event: str
    at: float
    step: float
    system: System
    way: np.ndarray
    overflows: bool = False

    def placed(self, distance: float) -> System:
        """The cluster with the last atom at a distance (Å) from the first."""
        return replace(self.system, coordinates=np.append(self.system.coordinates[:-1], [distance * self.way], axis=0))


def drags(config: DPA2Config, seed: int = 0) -> Iterator[Drag]:
    """A drag across each cutoff of each block, across another neighbour, and across the limit of each block.

    A model that holds one neighbour has none to swap. Raises `InputError` if cutoffs are so close to each other that no
    cluster has only one event.
    """
    generator, marks = np.random.default_rng(seed), crossings(config)
    atoms = min(ATOMS, 1 + min(limit for _, _, limit in blocks(config).values()))
    for at, event in marks.items():
        yield quiet_drag(generator, config, event, at, atoms)
    if atoms > 2:
        at = clear_of(marks, 0.4 * nearest_cutoff(config), 0.8 * nearest_cutoff(config))
        yield quiet_drag(generator, config, "swap of two neighbours", at, atoms, swap=True)
    for block in blocks(config):
        yield full_drag(generator, config, block)


def blocks(config: DPA2Config) -> dict[str, tuple[float, float, int]]:
    """Inner cutoff, cutoff (Å) and limit of each block that there is."""
    sections = {name: getattr(config, name) for name in ("repinit", "three_body", "repformer")}
    return {name: (s.inner_cutoff, s.cutoff, s.max_neighbors) for name, s in sections.items() if s is not None}


def nearest_cutoff(config: DPA2Config) -> float:
    """Within which an atom is seen by all blocks, Å."""
    return min(cutoff for _, cutoff, _ in blocks(config).values())


def crossings(config: DPA2Config) -> dict[float, str]:
    """Distances at which the switch of a block begins or ends (Å), and what that is called."""
    names: dict[float, list[str]] = {}
    for block, (inner, outer, _) in blocks(config).items():
        names.setdefault(inner, []).append(f"inner cutoff of {block}")
        names.setdefault(outer, []).append(f"cutoff of {block}")
    return {at: " and ".join(names[at]) for at in sorted(names) if at > 0}


def clear_of(marks, low: float, high: float) -> float:
    """The place in a range (Å) that is farthest from all marks and from the ends of the range."""
    places = np.linspace(low, high, 201)[1:-1]
    gaps = np.abs(places[:, None] - np.array([*marks, low, high])).min(axis=1)
    return float(places[np.argmax(gaps)])


def quiet_drag(generator, config: DPA2Config, event: str, at: float, atoms: int, swap: bool = False) -> Drag:
    """A small cluster, drawn until nothing else happens near the event; the step is shorter where events are close."""
    marks = np.array(list(crossings(config)))
    step = min([STEP, at / 8, *(gap / 8 for gap in np.abs(marks - at) if gap > 0)])
    scale = nearest_cutoff(config)
    for tried in range(TRIES):
        rest, way = drawn(generator, atoms - 1, scale, at if swap else None), direction(generator)
        if undisturbed(rest, at * way, marks, QUIET * step, closest=0.1 * min(scale, 3.5)):
            return drag(generator, config, event, at, step, rest, way)
        step *= 1.0 if (tried + 1) % TRIES_WITH_ONE_STEP else 0.5
    raise InputError(f"no cluster was found in which only this happens: {event}", argument="model", event=event)


def drawn(generator, atoms: int, scale: float, partner: float | None) -> np.ndarray:
    """Positions of the atoms at rest: the centre, and others around it; the second at a given distance, if any."""
    directions = np.array([direction(generator) for _ in range(atoms - 1)]).reshape(-1, 3)
    distances = scale * generator.uniform(0.4, 0.9, (atoms - 1, 1))
    if partner is not None:
        distances[0] = partner
    return np.concatenate([np.zeros((1, 3)), distances * directions])


def direction(generator) -> np.ndarray:
    """A vector of length 1."""
    vector = generator.normal(size=3)
    return vector / np.linalg.norm(vector)


def undisturbed(rest: np.ndarray, moving: np.ndarray, marks: np.ndarray, gap: float, closest: float) -> bool:
    """Whether one distance of the moving atom is at a mark, and all others are farther from any than the gap (Å).

    Marks are the cutoffs and the distances between atoms at rest: where two are equal, neighbours swap places. Atoms
    closer than `closest` (Å) are refused, too, but for the moving one and the centre.
    """
    i, j = np.triu_indices(len(rest), 1)
    fixed = np.linalg.norm(rest[i] - rest[j], axis=1)
    distances = np.linalg.norm(rest - moving, axis=1)
    if min(distances[1:].min(initial=np.inf), fixed.min(initial=np.inf)) < closest:
        return False
    gaps = np.abs(distances[:, None] - np.concatenate([marks, fixed])).ravel()
    return (gaps < gap).sum() == 1


def full_drag(generator, config: DPA2Config, block: str) -> Drag:
    """A dense cluster: as many atoms as the block holds, the last of which swaps places with the dragged one."""
    inner, outer, limit = blocks(config)[block]
    at = clear_of(crossings(config), inner + 0.5 * (outer - inner), inner + 0.75 * (outer - inner))
    way, step = direction(generator), min(STEP, at / 100) / FINER
    rest = np.concatenate([np.zeros((1, 3)), ball(generator, limit - 1, DENSE * at), [-at * way]])
    made = drag(generator, config, f"overflow of {block}", at, step, rest, way)
    return replace(made, overflows=True)


def ball(generator, atoms: int, radius: float) -> np.ndarray:
    """Places of a shaken lattice nearest to the origin, which is none of them, scaled to a radius (Å)."""
    half = int(np.ceil((atoms + 1) ** (1 / 3)))
    lattice = np.indices(3 * [2 * half + 1]).reshape(3, -1).T - half
    order = np.argsort(np.linalg.norm(lattice, axis=1), kind="stable")[1 : atoms + 1]
    places = lattice[order] + generator.uniform(-0.1, 0.1, (atoms, 3))
    return places * (radius / np.linalg.norm(places, axis=1).max(initial=1e-9))


def drag(generator, config: DPA2Config, event: str, at: float, step: float, rest: np.ndarray, way: np.ndarray) -> Drag:
    """The cluster of given places; the first and the last atom see each other and, if possible, are of two types."""
    types = generator.integers(len(config.types), size=len(rest) + 1)
    types[0], types[-1] = seeing(config)
    system = with_zero_parameters(System(np.append(rest, [at * way], axis=0), types), config.fitting)
    return Drag(event, at, step, system, way)


def seeing(config: DPA2Config) -> tuple[int, int]:
    """Two types that no part of the model keeps from each other; (0, 0) if there are none."""
    excluded = {frozenset(pair) for pair in (*config.excluded_pairs, *config.model_excluded_pairs)}
    pairs = combinations_with_replacement(range(len(config.types)), 2)
    free = (pair for pair in pairs if frozenset(pair) not in excluded)
    return min(free, key=lambda pair: pair[0] == pair[1], default=(0, 0))
