"""What the repformer knows of pairs at first (specification section 8.1)."""

from __future__ import annotations

import numpy as np

from .environment import environment
from .pieces import activation, excluded

NAME = "descriptor.repformer"


def initial_pairs(config, weights, types, neighbors, vectors, wrong: str = "") -> dict[str, np.ndarray]:
    """Environment, g and h; excluded neighbours are as if they were not there."""
    block, own = config["repformer"], np.maximum(types, 0)
    held = (neighbors >= 0) & ~excluded(own[:, None], own[neighbors], config["excluded_pairs"])
    neighbors, vectors = np.where(held, neighbors, -1), vectors * held[..., None]
    seen = environment(config, block, weights, NAME, own, neighbors, vectors, wrong)
    scalar, frame = seen.rows[..., :1], seen.rows[..., 1:]
    if block["direct_distance"] and wrong != "direct ignored":
        frame = vectors / block["cutoff"]
        scalar = np.sqrt((frame * frame).sum(axis=-1, keepdims=True))
    weight, bias = weights[f"{NAME}.pair_embedding.weight"], weights[f"{NAME}.pair_embedding.bias"]
    phi = activation("linear" if wrong == "no activation of pairs" else block["activation"])
    start = {"repformer/sw": seen.switch, "repformer/env_mat": seen.rows}
    return start | {"repformer/g2_0": phi(scalar @ weight + bias), "repformer/h2_0": frame}
