"""The three-body block (specification section 6), from the embedding of types that the golden vector holds."""

from __future__ import annotations

import numpy as np

from .environment import environment
from .pieces import activation, layers, side_by_side

NAME = "descriptor.three_body"


def three_body(config, weights, types, neighbors, vectors, table, wrong: str = "") -> dict[str, np.ndarray]:
    """Every intermediate of the block."""
    block = config["three_body"]
    seen = environment(config, block, weights, NAME, np.maximum(types, 0), neighbors, vectors, wrong)
    kappa = scalar(seen.rows[..., 1:], wrong)
    others = 1.0 - np.eye(block["max_neighbors"])
    if wrong == "diagonal zeroed":
        kappa = kappa * others
    f = embedding(config, weights, table, seen, kappa, wrong)
    used = kappa * others if wrong == "diagonal left out" else kappa
    start = {"three_body/sw": seen.switch, "three_body/env_mat": seen.rows, "three_body/kappa": kappa}
    total = np.einsum("nab,nabg->ng", used, f)
    return start | {"three_body/gg": f, "three_body/out": total / block["max_neighbors"] ** 2}


def scalar(v, wrong: str):
    """κ = v_a · v_b"""
    if wrong == "cosine":
        v = v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-300)
    return v @ v.swapaxes(1, 2)


def embedding(config, weights, table, seen, kappa, wrong: str):
    """f, from [κ | E(a) | E(b)], or from κ with a gate that types open."""
    phi = activation(config["repinit"]["activation"], wrong)
    types = [table[seen.types][:, :, None], table[seen.types][:, None, :]]
    types = types[::-1] if wrong == "second neighbour first" else types
    if config["repinit"]["type_input"] == "concat":
        return layers(side_by_side(kappa[..., None], *types), weights, f"{NAME}.embedding.layers", phi, wrong)[-1]
    q = layers(kappa[..., None], weights, f"{NAME}.embedding.layers", phi, wrong)[-1]
    z = layers(side_by_side(*types), weights, f"{NAME}.type_gate.layers", phi, wrong)[-1]
    both = seen.switch[:, :, None] * seen.switch[:, None, :]
    return q + q * z * (both[..., None] if config["smooth"] and wrong != "gate not switched" else 1.0)
