"""Continuity of the energy of a model where neighbours enter, leave, swap places, or are too many.

A jump is judged by the power of the step with which it vanishes, not by its size: the power is 3 for a continuous
quantity (each side is extrapolated by a parabola) and 0 for a jump. Energy, forces and the derivatives of forces along
the drag are examined: an event is C2 if none of them jumps, C1 if only the derivatives do, and so on. A jump smaller
than the curvature of the path within the shortest step is not seen; the last of the sizes is an upper bound of it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ..model.extrapolation import ExtrapolationWarning
from ..model.model import Model
from ..model.preparation import with_neighbors
from ..testing.claims import orders_of_sizes, sizes_of_jumps
from .drags import Drag

QUANTITIES = ("energy", "forces", "derivative of forces")
ENERGY, FORCES, DERIVATIVE = range(3)  # indices into QUANTITIES
UNITS = ("eV", "eV/Å", "eV/Å²")  # units of QUANTITIES
CONTINUITY = ("jumps", "C0", "C1", "C2")  # verdict by the number of QUANTITIES that are continuous
HALVINGS = 2  # each order is measured with a step and this many halvings of it
CLEARLY_SMOOTH = 2.5  # orders above this one are those of a continuous quantity,
CLEARLY_NOT = 0.5  # orders below this one those of a jump; between them the step is too long to decide
REFINEMENTS = 5  # a step that is too long to decide is halved up to this many times
CONTINUOUS = 2.0  # lowest order that counts as continuous if even the shortest step does not decide
ROUNDING = 1e-13  # rounding error of forces, relative to the largest
TOGETHER = 512  # number of atoms, of all systems together, that are evaluated in one call
SAMPLES = np.linspace(-5.0, 5.0, 24)  # points of a curve, in steps from the event; none is at the event itself


@dataclass(frozen=True)
class Jump:
    """The apparent jump of one quantity at one event.

    Attributes
    ----------
    quantity
        One of `QUANTITIES`.
    step
        The longest step, Å; shorter than that of the drag if that was too long to decide.
    sizes
        Size for the step and its halvings (eV, eV/Å or eV/Å²), the largest over atoms and directions.
    orders
        Powers of the step with which the size vanishes; infinite where only rounding is left.
    """

    quantity: str
    step: float
    sizes: tuple[float, ...]
    orders: tuple[float, ...]

    @property
    def order(self) -> float:
        """The lowest of the orders."""
        return min(self.orders)

    @property
    def unit(self) -> str:
        """The unit of the sizes."""
        return UNITS[QUANTITIES.index(self.quantity)]

    @property
    def clear(self) -> bool:
        """Return whether the step is short enough to decide."""
        return self.order > CLEARLY_SMOOTH or max(map(abs, self.orders)) < CLEARLY_NOT

    @property
    def continuous(self) -> bool:
        """Return whether the jump vanishes with the step."""
        return self.order > CONTINUOUS


@dataclass(frozen=True, eq=False)
class Curve:
    """Samples of the three quantities to either side of an event.

    Attributes
    ----------
    distance
        Distances (S,) of the dragged atom, Å.
    values
        Three arrays (S,): the energy, eV; the force on the dragged atom along its way, eV/Å; its derivative, eV/Å².
    """

    distance: np.ndarray
    values: tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Event:
    """The jumps of all quantities at the event of a drag, and the curve if it was asked for."""

    drag: Drag
    jumps: tuple[Jump, ...]
    curve: Curve | None

    @property
    def continuity(self) -> str:
        """The verdict, one of `CONTINUITY`."""
        smooth = [jump.continuous for jump in self.jumps]
        return CONTINUITY[(*smooth, False).index(False)]

    @property
    def counted(self) -> bool:
        """Return whether the event counts against the model; where a list is cut, every model jumps."""
        return not self.drag.overflows


def survey_smoothness(model: Model, drags: Iterable[Drag], curves: bool = False) -> Iterator[Event]:
    """Yield the continuity of a model at each event.

    Parameters
    ----------
    model
        The model, in float64: orders are not seen in a lower precision.
    drags
        The events, from `dpa2.surveys.drags.drags`.
    curves
        Whether to sample the curves too.

    Examples
    --------
    >>> import dpa2
    >>> from dpa2.surveys.drags import drags
    >>> model = dpa2.load(dpa2.demo.MODEL)
    >>> event = next(survey_smoothness(model, drags(model.config)))
    >>> event.drag.event, event.continuity
    ('inner cutoff of repinit', 'C2')
    """
    model.require_energies("a survey of smoothness")
    for drag in drags:
        path = Path(model, drag)
        jumps = tuple(jump(path, k) for k in range(len(QUANTITIES)))
        yield Event(drag, jumps, path.curve(min(jump.step for jump in jumps)) if curves else None)


def jump(path: Path, quantity: int) -> Jump:
    """Measure the jump of one quantity, with a step short enough to decide if there is one."""
    step = path.drag.step
    for _ in range(1 if path.drag.overflows else 1 + REFINEMENTS):
        found = measured(path, quantity, step)
        if found.clear:
            break
        step /= 2
    return found


def measured(path: Path, quantity: int, step: float) -> Jump:
    """Measure the jump of one quantity with a given step and its halvings."""
    at, delta = path.drag.at, step / 10  # so short that no difference of forces reaches across the event
    places = [at + side * n * step / 2**k for k in range(HALVINGS + 1) for n in (1, 2, 3) for side in (-1, 1)]
    path.evaluate(places if quantity != DERIVATIVE else [r for place in places for r in around(place, delta)])
    sizes, rounding = sizes_of_jumps(lambda r: path.quantity(quantity, r, delta), at, step, HALVINGS)
    if quantity == DERIVATIVE:
        rounding += ROUNDING * float(np.abs(path.quantity(FORCES, at + step, delta)).max()) / delta
    return Jump(QUANTITIES[quantity], step, tuple(sizes), tuple(orders_of_sizes(sizes, rounding)))


def around(distance: float, delta: float) -> list[float]:
    """Distances at which forces are evaluated for their derivative."""
    return [distance + n * delta for n in (-2, -1, 1, 2)]


class Path:
    """Energy, forces and their derivative as functions of the distance (Å); each distance is evaluated once."""

    def __init__(self, model: Model, drag: Drag):
        self.model, self.drag = model, drag
        self.known: dict[float, tuple[np.ndarray, np.ndarray]] = {}

    def evaluate(self, distances: Iterable[float]) -> None:
        """Evaluate energies and forces at distances that are not known yet, several systems in one call."""
        new = [r for r in dict.fromkeys(distances) if r not in self.known]
        mode, host = "truncate" if self.drag.overflows else "strict", self.model.backend.to_numpy
        size = max(1, TOGETHER // len(self.drag.system.types))
        for few in (new[k : k + size] for k in range(0, len(new), size)):
            systems, lists = with_neighbors(self.model.config, [self.drag.placed(r) for r in few], mode)
            with warnings.catch_warnings():
                # random atoms may be closer than the fine part of a compressed model's tables
                warnings.simplefilter("ignore", ExtrapolationWarning)
                found = self.model.compute(systems, lists)
            self.known |= {r: (host(e.energy), host(e.forces)) for r, e in zip(few, found, strict=True)}

    def quantity(self, which: int, distance: float, delta: float) -> np.ndarray:
        """Return one of `QUANTITIES` at a distance; derivatives are central differences of fourth order."""
        if which != DERIVATIVE:
            self.evaluate([distance])
            return self.known[distance][which]
        places = around(distance, delta)
        self.evaluate(places)
        a, b, c, d = (self.known[r][FORCES] for r in places)
        return (8.0 * (c - b) - (d - a)) / (12.0 * delta)

    def curve(self, step: float) -> Curve:
        """Sample all quantities to either side of the event, so densely that a step resolves them."""
        samples = SAMPLES[::2] if self.drag.overflows else SAMPLES  # half as many in a full cluster, which is large
        distance, delta = self.drag.at + step * samples, step / 50
        self.evaluate(r for place in distance for r in (place, *around(place, delta)))
        energy, forces, slopes = (np.array([self.quantity(k, r, delta) for r in distance]) for k in range(3))
        return Curve(distance, (energy, forces[:, -1] @ self.drag.way, slopes[:, -1] @ self.drag.way))


def known_causes(model: Model) -> list[str]:
    """Return the properties of a model that are known to make its energy jump, in words.

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
