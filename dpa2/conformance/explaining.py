"""Why an implementation differs: it is compared with the reference altered by each known mistake."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..model.preparation import check_system, list_neighbors
from ..tracing.trace import in_one_chunk, intermediates, neighbor_lists
from . import mistakes
from .altering import altered
from .comparison import DERIVATIVES, compare, first_divergence
from .vectors import Vector

Edit = tuple[str, str, str]


@dataclass(frozen=True)
class Cause:
    """A mistake: its name, what was done wrong, where the specification says it, and the changes that make it."""

    name: str
    words: str
    section: str
    edits: tuple[Edit, ...]

    @contextmanager
    def altered(self) -> Iterator[None]:
        """The reference with this mistake in it."""
        with ExitStack() as stack:
            for place, old, new in self.edits:
                stack.enter_context(altered(place, old, new, vars(mistakes)))
            yield


@dataclass(frozen=True)
class Explanation:
    """A cause that gives the first divergence and all up to `until`, which differs for another reason; None: it all."""

    cause: Cause
    until: str | None = None


def forward(vector: Vector, dtype: str) -> dict[str, np.ndarray]:
    """Every intermediate up to the energy."""
    model = vector.model_in(dtype)
    system = check_system(model.config, vector.system)
    found = list_neighbors(model.config, system, "truncate")
    ready = in_one_chunk(model, system, found)
    energies = model.weights.fold().vjp(ready.chunks, ready.inputs, model.backend)[0]
    energy = np.asarray(energies[0])[ready.plan.inverse]
    results = {"atom_energy": energy[:, None], "energy": energy.sum(keepdims=True)}
    return neighbor_lists(model, found) | intermediates(model, ready) | results


@lru_cache(maxsize=512)  # a suite of tests asks for the same ones again and again
def altered_reference(cause: Cause, vector: Vector, dtype: str) -> dict[str, np.ndarray]:
    """Every intermediate up to the energy with a mistake in it."""
    with cause.altered(), np.errstate(all="ignore"):
        return forward(vector, dtype)


def remaining(cause: Cause, vector: Vector, found: dict, dtype: str, limit: float) -> str | None:
    """The first of what was given that a mistake would not give; derivatives are not judged."""
    given = {name: array for name, array in found.items() if name not in DERIVATIVES}
    divergence = first_divergence(compare(altered_reference(cause, vector, dtype), given, vector.occupied), limit)
    return None if divergence is None else divergence.finding.name
