"""New models: every tensor drawn from its initial distribution (specification section 16)."""

from __future__ import annotations

import numpy as np

from ..config import DPA2Config
from ..fitting.energy import EnergyModel
from .build import build_model


def fresh_weights(config: DPA2Config, seed: int) -> EnergyModel:
    """A new model with the initial distributions of section 16."""
    generator = np.random.default_rng(seed)
    return build_model(config, lambda name, *shape: initial(config, generator, name, shape))


def initial(config: DPA2Config, generator, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """One tensor drawn from its initial distribution, in the precision of its part of the model."""
    kind = name.rpartition(".")[2]
    wide = name in ("bias", "deviation", "fitting.bias")
    dtype = "float64" if wide else config.fitting.dtype if name.startswith("fitting.") else config.dtype
    if "_scale." in name and name.startswith("descriptor."):
        array = residual_vector(config, generator, shape)
    elif kind in ("mean", "frame_mean", "atom_mean", "case") or name in ("bias", "fitting.bias"):
        array = np.zeros(shape)
    elif kind in ("std", "deviation", "frame_scale", "atom_scale") or name.endswith("norm.weight"):
        array = np.ones(shape)
    elif name.endswith("norm.bias"):
        array = np.zeros(shape)
    elif kind == "timestep":
        array = generator.normal(0.1, 0.001, shape)
    elif kind == "bias":
        array = generator.normal(0.0, 1.0, shape)
    else:
        array = generator.normal(0.0, 1.0, shape) / fan_sum(config, name, shape) ** 0.5
    return array.astype("float32" if dtype == "bfloat16" else dtype)


def residual_vector(config: DPA2Config, generator, shape):
    """Entries of a trainable residual vector: normal, constant, or zero if the descriptor is not trained."""
    s = config.repformer
    if not config.trainable:
        return np.zeros(shape)
    drawn = generator.normal(0.0, s.residual_scale, shape)
    return drawn if s.residual_init == "normal" else np.full(shape, s.residual_scale)


def fan_sum(config: DPA2Config, name: str, shape: tuple[int, ...]) -> int:
    """fan-in + fan-out of the matrix; heads, and what files keep in one matrix with them, count together."""
    s, kind = config.repformer, name.rpartition(".")[2]
    if kind == "mix":
        return shape[0] + 1
    if len(shape) == 2:
        return sum(shape)
    heads, fan_in, fan_out = shape
    if kind == "output":
        return heads * fan_in + fan_out
    if ".local_attention." in name and kind != "query":
        return s.atom_dim + heads * (s.attention_dim + s.atom_dim)
    if ".pair_attention." in name and kind != "value":
        return s.pair_dim + heads * 2 * s.pair_attention_dim
    return fan_in + heads * fan_out
