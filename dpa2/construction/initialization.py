"""New models: every tensor drawn from the initial distribution that its field declares (specification section 16)."""

from __future__ import annotations

import numpy as np

from ..config import DPA2Config
from ..errors import ConfigurationError
from ..fitting.atomic_model import AtomicModel
from ..nn.module import Leaf, map_roles
from ..nn.roles import Configured, Constant, Normal, Scaled
from .build import skeleton
from .precision import stored_precision


def fresh_weights(config: DPA2Config, seed: int) -> AtomicModel:
    """Return a new model with the initial distributions of section 16."""
    generator = np.random.default_rng(seed)

    def draw(leaf: Leaf, place: np.ndarray) -> np.ndarray:
        return initial(config, generator, leaf, place.shape).astype(stored_precision(config, leaf))

    return map_roles(draw, skeleton(config))


def initial(config: DPA2Config, generator: np.random.Generator, leaf: Leaf, shape: tuple[int, ...]) -> np.ndarray:
    """Return one tensor drawn from its initial distribution."""
    match leaf.role.initial:
        case Constant(value):
            return np.full(shape, value)
        case Normal(mean, deviation):
            return generator.normal(mean, deviation, shape)
        case Scaled(fans):
            return generator.normal(0.0, 1.0, shape) / fans(leaf.owner) ** 0.5
        case Configured():
            return residual_scale(config, generator, shape)
    what = f"{leaf.path}: a new model has none; make tables of a trained model with dpa2.compress"
    raise ConfigurationError(what, path="repinit.compression", value=config.repinit.compression)


def residual_scale(config: DPA2Config, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return a residual scale: normal or constant, also where the descriptor is not trained."""
    s = config.repformer
    drawn = generator.normal(0.0, s.residual_scale, shape)
    return drawn if s.residual_init == "normal" else np.full(shape, s.residual_scale)
