"""Whether the energy of a model is smooth where neighbours come, go, swap places, or are too many.

No jump is measured by being small, but by the power of the step with which it vanishes: 3 for what is continuous (each
side is extrapolated by a parabola), 0 for what is not. Energy, forces and their derivatives along the drag are looked
at in turn: an event is C2 if none of them jumps, C1 if only the derivative does, and so on. Jumps smaller than what the
path bends within the shortest step remain unseen: the last of the sizes says how large one could be.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ..model.extrapolation import ExtrapolationWarning
from ..model.model import Model
from ..testing.claims import orders_of_sizes, sizes_of_jumps
from .drags import Drag

QUANTITIES = ("energy", "forces", "derivative of forces")
ENERGY, FORCES, DERIVATIVE = range(3)
UNITS = ("eV", "eV/Å", "eV/Å²")
CONTINUITY = ("jumps", "C0", "C1", "C2")
HALVINGS = 2
CLEARLY_SMOOTH, CLEARLY_NOT = 2.5, 0.5  # orders between which the step is too long to say
CONTINUOUS = 2.0  # if even the shortest step does not say: the lowest order of what is taken for continuous
ROUNDING = 1e-13  # of forces, relative to the largest
REFINEMENTS = 5  # how often the step is halved before
TOGETHER = 512  # atoms of systems that are evaluated at a time
SAMPLES = np.linspace(-5.0, 5.0, 24)  # of a curve, in steps; none is at the event itself


@dataclass(frozen=True)
class Jump:
    """One quantity across one event.

    step: the first, Å; where it says nothing clear, as the path bends too much, it is halved.
    sizes: of the apparent jump for a step and its halvings (eV, eV/Å or eV/Å²), the largest over atoms and directions.
    orders: powers of the step with which it vanishes; infinite where nothing but rounding is left.
    """

    quantity: str
    step: float
    sizes: tuple[float, ...]
    orders: tuple[float, ...]

    @property
    def order(self) -> float:
        """The lowest."""
        return min(self.orders)

    @property
    def unit(self) -> str:
        """Of the sizes."""
        return UNITS[QUANTITIES.index(self.quantity)]

    @property
    def clear(self) -> bool:
        """Whether the step is short enough to say."""
        return self.order > CLEARLY_SMOOTH or max(map(abs, self.orders)) < CLEARLY_NOT

    @property
    def continuous(self) -> bool:
        """Whether the jump vanishes with the step."""
        return self.order > CONTINUOUS


@dataclass(frozen=True, eq=False)
class Curve:
    """Samples to either side of an event.

    distance: (S,), Å. values: for each of `QUANTITIES` (S,): the energy, eV; the force on the dragged atom along its
    way, eV/Å; the derivative of that, eV/Å².
    """

    distance: np.ndarray
    values: tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Event:
    """What was found at one event; `drag` says which. The curve is sampled if that was asked for."""

    drag: Drag
    jumps: tuple[Jump, ...]
    curve: Curve | None

    @property
    def continuity(self) -> str:
        """One of `CONTINUITY`."""
        smooth = [jump.continuous for jump in self.jumps]
        return CONTINUITY[(*smooth, False).index(False)]

    @property
    def counted(self) -> bool:
        """Whether a model should be smooth here; where a list is cut, none is."""
        return not self.drag.overflows


def survey_smoothness(model: Model, drags: Iterable[Drag], curves: bool = False) -> Iterator[Event]:
    """What a model does at each event; float64 is needed to see the orders.

    >>> import dpa2
    >>> from dpa2.surveys.drags import drags
    >>> model = dpa2.load(dpa2.demo.MODEL)
    >>> event = next(survey_smoothness(model, drags(model.config)))
    >>> event.drag.event, event.continuity
    ('inner cutoff of repinit', 'C2')
    """
    for drag in drags:
        path = Path(model, drag)
        yield Event(drag, tuple(jump(path, k) for k in range(len(QUANTITIES))), path.curve() if curves else None)


def jump(path: Path, quantity: int) -> Jump:
    """One quantity across the event of a path, with a step short enough to say, if there is one."""
    step = path.drag.step
    for _ in range(1 if path.drag.overflows else 1 + REFINEMENTS):
        found = measured(path, quantity, step)
        if found.clear:
            break
        step /= 2
    return found


def measured(path: Path, quantity: int, step: float) -> Jump:
    """The same with one step and its halvings."""
    at, delta = path.drag.at, step / 10  # so short that no difference of forces reaches across the event
    places = [at + side * n * step / 2**k for k in range(HALVINGS + 1) for n in (1, 2, 3) for side in (-1, 1)]
    path.evaluate(places if quantity != DERIVATIVE else [r for place in places for r in around(place, delta)])
    sizes, rounding = sizes_of_jumps(lambda r: path.quantity(quantity, r, delta), at, step, HALVINGS)
    if quantity == DERIVATIVE:
        rounding += ROUNDING * float(np.abs(path.quantity(FORCES, at + step, delta)).max()) / delta
    return Jump(QUANTITIES[quantity], step, tuple(sizes), tuple(orders_of_sizes(sizes, rounding)))


def around(distance: float, delta: float) -> list[float]:
    """Where forces are evaluated for their derivative."""
    return [distance + n * delta for n in (-2, -1, 1, 2)]


class Path:
    """Energy, forces and their derivative as functions of the distance (Å); each distance is evaluated once."""

    def __init__(self, model: Model, drag: Drag):
        self.model, self.drag = model, drag
        self.known: dict[float, tuple[np.ndarray, np.ndarray]] = {}

    def evaluate(self, distances: Iterable[float]) -> None:
        """Energies and forces at distances that are not known yet, together."""
        new = [r for r in dict.fromkeys(distances) if r not in self.known]
        mode, host = "truncate" if self.drag.overflows else "strict", self.model.backend.to_numpy
        size = max(1, TOGETHER // len(self.drag.system.types))
        for few in (new[k : k + size] for k in range(0, len(new), size)):
            with warnings.catch_warnings():  # tables of a compressed model are coarse where made-up atoms are close
                warnings.simplefilter("ignore", ExtrapolationWarning)
                found = self.model.evaluate_many([self.drag.placed(r) for r in few], neighbors=mode)
            self.known |= {r: (host(e.energy), host(e.forces)) for r, e in zip(few, found, strict=True)}

    def quantity(self, which: int, distance: float, delta: float) -> np.ndarray:
        """One of `QUANTITIES`, in its unit; differences of forces are of fourth order."""
        if which != DERIVATIVE:
            self.evaluate([distance])
            return self.known[distance][which]
        places = around(distance, delta)
        self.evaluate(places)
        a, b, c, d = (self.known[r][FORCES] for r in places)
        return (8.0 * (c - b) - (d - a)) / (12.0 * delta)

    def curve(self) -> Curve:
        """Samples to either side."""
        samples = SAMPLES[::2] if self.drag.overflows else SAMPLES  # a full cluster is large
        distance, delta = self.drag.at + self.drag.step * samples, self.drag.step / 50
        self.evaluate(r for place in distance for r in (place, *around(place, delta)))
        energy, forces, slopes = (np.array([self.quantity(k, r, delta) for r in distance]) for k in range(3))
        return Curve(distance, (energy, forces[:, -1] @ self.drag.way, slopes[:, -1] @ self.drag.way))


def known_causes(model: Model) -> list[str]:
    """What a model has that is known to make its energy jump, in words.

    >>> import dpa2
    >>> known_causes(dpa2.load(dpa2.demo.MODEL))
    []
    """
    state, host = model.state_dict(), model.backend.to_numpy
    causes = []
    for block, columns in (("repinit", slice(None)), ("three_body", slice(1, None))):  # those that enter its formulas
        mean = state.get(f"descriptor.{block}.environment.mean")
        if mean is not None and host(mean)[:, columns].any():
            causes.append(f"the environments of {block} have a mean, as if an empty slot were a neighbour")
    if not model.config.smooth:
        causes.append("the model is not smooth: the repformer counts neighbours, whatever their distance")
    return causes
