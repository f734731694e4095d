"""Adam and AdamW of optax."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from ..errors import require
from ..nn.arrays import Array
from .compiling import exactly
from .differentiation import EPSILON, Arrays, OptimizerSettings
from .protocol import Backend


class OptaxOptimizer:
    """Adam or AdamW of optax, with a state for each parameter, so that each counts its own steps."""

    def __init__(self, settings: OptimizerSettings, parameters: Arrays, backend: Backend) -> None:
        self.optax: Any = require("optax", "jax,train")
        self.settings, self.backend = settings, backend
        self.parameters = {name: backend.asarray(backend.to_numpy(x)) for name, x in parameters.items()}
        self.states = {name: self.moments().init(x) for name, x in self.parameters.items()}
        self.step = make_step(settings)

    def moments(self) -> Any:
        """The transformation of optax that keeps moments and a count."""
        return self.optax.scale_by_adam(self.settings.beta1, self.settings.beta2, EPSILON)

    def update(self, slopes: Arrays, rate: float) -> None:
        """One step of the parameters that have gradients."""
        states, before = ({name: tree[name] for name in slopes} for tree in (self.states, self.parameters))
        after, states = self.step(before, states, dict(slopes), rate)
        self.parameters = {**self.parameters, **after}
        self.states |= states

    def state(self) -> dict[str, np.ndarray]:
        """Parameters, moments and counts by name."""
        found = {f"weights/{name}": x for name, x in self.parameters.items()}
        for name, of_one in self.states.items():
            found |= {f"moment1/{name}": of_one.mu, f"moment2/{name}": of_one.nu, f"updates/{name}": of_one.count}
        return {name: np.array(self.backend.to_numpy(x)) for name, x in found.items()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Parameters, moments and counts of a state."""
        place = self.backend.asarray
        self.parameters = {name: place(np.array(state[f"weights/{name}"])) for name in self.parameters}
        for name, of_one in self.states.items():
            mu, nu = (place(np.array(state[f"{moment}/{name}"])) for moment in ("moment1", "moment2"))
            count = place(np.asarray(state[f"updates/{name}"], dtype="int32"))
            self.states[name] = of_one._replace(count=count, mu=mu, nu=nu)


@cache
def make_step(settings: OptimizerSettings) -> Any:
    """A compiled function (parameters, states, slopes, rate) → (parameters, states), over dictionaries.

    The decay of Adam is added to the gradient, before the moments; that of AdamW to what the moments give.
    """
    import jax
    import optax

    moments, decay = optax.scale_by_adam(settings.beta1, settings.beta2, EPSILON), settings.decay

    def one(parameter: Array, state: Any, slope: Array, rate: Array) -> tuple[Array, Any]:
        if not settings.decoupled:
            slope = slope + decay * parameter
        change, state = moments.update(slope, state)
        if settings.decoupled:
            change = change + decay * parameter
        return parameter - (rate * change).astype(parameter.dtype), state

    def step(parameters: Arrays, states: Any, slopes: Arrays, rate: Array) -> tuple[dict, dict]:
        found = {name: one(x, states[name], slopes[name], rate) for name, x in parameters.items()}
        return {name: x for name, (x, _) in found.items()}, {name: state for name, (_, state) in found.items()}

    return jax.jit(exactly(step))
