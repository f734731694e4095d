"""Random clusters in which exactly one event happens while an atom is dragged.

The atom moves on a line through another one, the center. At a known distance it crosses a cutoff of a block, passes
another neighbour, or displaces one from a full neighbour list. Nothing else happens within a few steps to either
side, so that a jump can only come from that event.
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

STEP = 0.02  # the longest step of a drag, Å
QUIET = 6  # number of steps to either side of an event within which nothing else happens
ATOMS = 5  # number of atoms of a cluster; fewer if the model holds fewer neighbours
TRIES = 16000  # random clusters tried before the search for a quiet one is given up
TRIES_WITH_ONE_STEP = 1000  # random clusters tried before the step is halved
FINER = 10  # the step in a dense cluster is this many times shorter, because one atom of many makes a small jump there
DENSE = 0.85  # radius of the atoms that fill a list, relative to the distance at which it overflows


@dataclass(frozen=True, eq=False)
class Drag:
    """A cluster, and the event that happens as its last atom moves away from its first.

    Attributes
    ----------
    event
        Name of the event.
    at
        Distance of the two atoms at which it happens, Å.
    step
        Step of the drag, Å.
    system
        All atoms; the first is at the origin.
    way
        Direction of the drag (3,), of length 1.
    overflows
        Whether a list is full there, so that the farthest neighbours are dropped.
    """

    event: str
    at: float
    step: float
    system: System
    way: np.ndarray
    overflows: bool = False

    def placed(self, distance: float) -> System:
        """Return the cluster with the last atom at a distance (Å) from the first."""
        return replace(self.system, coordinates=np.append(self.system.coordinates[:-1], [distance * self.way], axis=0))

    def between(self, first: int, last: int) -> Drag:
        """Return the same drag with other types of the first and the last atom."""
        types = np.array(self.system.types)
        types[[0, -1]] = first, last
        return replace(self, system=replace(self.system, types=types))


def drags(config: DPA2Config, seed: int = 0) -> Iterator[Drag]:
    """Yield a drag across each cutoff of each block, past another neighbour, and across max_neighbors of each block.

    Parameters
    ----------
    config
        Configuration of the model. If it holds a single neighbour, there is no drag past another one.
    seed
        Seed of the random clusters.

    Raises
    ------
    InputError
        Cutoffs are so close to each other that no cluster has only one event (facts: argument, event).

    Examples
    --------
    >>> from dpa2 import testing
    >>> [drag.event for drag in drags(testing.small_config())][-1]
    'overflow of repformer'
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
    """Inner cutoff (Å), cutoff (Å) and max_neighbors of each block that the model has."""
    sections = {name: getattr(config, name) for name in ("repinit", "three_body", "repformer")}
    return {name: (s.inner_cutoff, s.cutoff, s.max_neighbors) for name, s in sections.items() if s is not None}


def nearest_cutoff(config: DPA2Config) -> float:
    """The shortest cutoff of all blocks, Å; an atom within it is seen by all of them."""
    return min(cutoff for _, cutoff, _ in blocks(config).values())


def crossings(config: DPA2Config) -> dict[float, str]:
    """Distances (Å) at which the switch of a block begins or ends, each with the name of the event."""
    names: dict[float, list[str]] = {}
    for block, (inner, outer, _) in blocks(config).items():
        names.setdefault(inner, []).append(f"inner cutoff of {block}")
        names.setdefault(outer, []).append(f"cutoff of {block}")
    return {at: " and ".join(names[at]) for at in sorted(names) if at > 0}


def clear_of(marks, low: float, high: float) -> float:
    """Return the distance in a range (Å) that is farthest from all marks and from the ends of the range."""
    places = np.linspace(low, high, 201)[1:-1]
    gaps = np.abs(places[:, None] - np.array([*marks, low, high])).min(axis=1)
    return float(places[np.argmax(gaps)])


def quiet_drag(generator, config: DPA2Config, event: str, at: float, atoms: int, swap: bool = False) -> Drag:
    """Draw small clusters until nothing else happens near the event; the step is shorter if other events are close."""
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
    """Positions of the atoms at rest: the center and others around it, one at the distance `partner` if given."""
    directions = np.array([direction(generator) for _ in range(atoms - 1)]).reshape(-1, 3)
    distances = scale * generator.uniform(0.4, 0.9, (atoms - 1, 1))
    if partner is not None:
        distances[0] = partner
    return np.concatenate([np.zeros((1, 3)), distances * directions])


def direction(generator) -> np.ndarray:
    """Return a random vector of length 1."""
    vector = generator.normal(size=3)
    return vector / np.linalg.norm(vector)


def undisturbed(rest: np.ndarray, moving: np.ndarray, marks: np.ndarray, gap: float, closest: float) -> bool:
    """Return whether one distance of the moving atom is at a mark and all others are at least a gap (Å) from all marks.

    Marks are the cutoffs and the distances between atoms at rest, where neighbours swap places. No two atoms may be
    closer than `closest` (Å), except the moving one and the center.
    """
    i, j = np.triu_indices(len(rest), 1)
    fixed = np.linalg.norm(rest[i] - rest[j], axis=1)
    distances = np.linalg.norm(rest - moving, axis=1)
    if min(distances[1:].min(initial=np.inf), fixed.min(initial=np.inf)) < closest:
        return False
    gaps = np.abs(distances[:, None] - np.concatenate([marks, fixed])).ravel()
    return (gaps < gap).sum() == 1


def full_drag(generator, config: DPA2Config, block: str) -> Drag:
    """Return a drag in a cluster that fills the list of a block; the dragged atom displaces the last neighbour."""
    inner, outer, limit = blocks(config)[block]
    at = clear_of(crossings(config), inner + 0.5 * (outer - inner), inner + 0.75 * (outer - inner))
    way, step = direction(generator), min(STEP, at / 100) / FINER
    rest = np.concatenate([np.zeros((1, 3)), ball(generator, limit - 1, DENSE * at), [-at * way]])
    made = drag(generator, config, f"overflow of {block}", at, step, rest, way)
    return replace(made, overflows=True)


def ball(generator, atoms: int, radius: float) -> np.ndarray:
    """Positions of a randomly distorted lattice around the origin, which is left out, scaled to a radius (Å)."""
    half = int(np.ceil((atoms + 1) ** (1 / 3)))
    lattice = np.indices(3 * [2 * half + 1]).reshape(3, -1).T - half
    order = np.argsort(np.linalg.norm(lattice, axis=1), kind="stable")[1 : atoms + 1]
    places = lattice[order] + generator.uniform(-0.1, 0.1, (atoms, 3))
    return places * (radius / np.linalg.norm(places, axis=1).max(initial=1e-9))


def drag(generator, config: DPA2Config, event: str, at: float, step: float, rest: np.ndarray, way: np.ndarray) -> Drag:
    """Return the drag of a cluster; its first and last atom see each other and differ in type if possible."""
    types = generator.integers(len(config.types), size=len(rest) + 1)
    types[0], types[-1] = seeing(config)
    system = with_zero_parameters(System(np.append(rest, [at * way], axis=0), types), config.fitting)
    return Drag(event, at, step, system, way)


def seeing(config: DPA2Config) -> tuple[int, int]:
    """Two types whose pair is not excluded anywhere in the model, preferably different; (0, 0) if there are none."""
    excluded = {frozenset(pair) for pair in (*config.excluded_pairs, *config.model_excluded_pairs)}
    pairs = combinations_with_replacement(range(len(config.types)), 2)
    free = (pair for pair in pairs if frozenset(pair) not in excluded)
    return min(free, key=lambda pair: pair[0] == pair[1], default=(0, 0))
