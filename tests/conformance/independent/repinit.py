"""repinit, the two-body block (specification section 5)."""

from __future__ import annotations

import numpy as np

from .environment import Rows, environment
from .pieces import activation, layers, side_by_side
from .types import type_table

NAME = "descriptor.repinit"
NETS = {"no skip in nets": "no skip", "no timestep in nets": "no timestep"}  # mistakes made in embedding nets alone


def repinit(config, weights, types, neighbors, vectors, wrong: str = "") -> dict[str, np.ndarray]:
    """Every intermediate from the switch to the two-body descriptor."""
    block, own = config["repinit"], np.maximum(types, 0)
    seen = environment(config, block, weights, NAME, own, neighbors, vectors, wrong)
    table = type_table(config, weights, wrong)
    embedded = embedding(config, weights, table, own, seen, NETS.get(wrong, wrong))
    share = 1.0 / counted(block["max_neighbors"], neighbors, seen, wrong)
    x = np.einsum("nsg,nsk->ngk", embedded["repinit/gg"], seen.rows) * share
    results = {"repinit/gr": x, "repinit/grrg": product(x, block["axis"], wrong)}
    start = {"type_embedding/table": table, "repinit/sw": seen.switch, "repinit/env_mat": seen.rows}
    return start | embedded | results


def embedding(config, weights, table, own, seen: Rows, wrong: str) -> dict[str, np.ndarray]:
    """g, from [s | E(near) | E(own)], or from s with a gate that types open."""
    block = config["repinit"]
    phi, s = activation(block["activation"], wrong), seen.rows[..., :1]
    near, centre = table[seen.types], np.broadcast_to(table[own][:, None, :], (*seen.types.shape, table.shape[1]))
    seen_types = [near] if block["one_sided"] else [near, centre]
    seen_types = seen_types[::-1] if wrong == "centre first" else seen_types
    if block["type_input"] == "concat":
        return {"repinit/gg": layers(side_by_side(s, *seen_types), weights, f"{NAME}.embedding.layers", phi, wrong)[-1]}
    q = layers(s, weights, f"{NAME}.embedding.layers", phi, wrong)[-1]
    gates = gate_table(block, weights, table, phi, wrong)
    z = gates[rows_of_table(block, len(table), own[:, None], seen.types, wrong)]
    if config["smooth"] and wrong != "gate not switched":
        z = z * seen.switch[..., None]
    g = q * z if wrong == "gate without one" else q + q * z
    return {"repinit/strip_table": gates, "repinit/gg_s": q, "repinit/gg_t": z, "repinit/gg": g}


def gate_table(block, weights, table, phi, wrong: str) -> np.ndarray:
    """The gate of every pair of types, the centre's type slow; or of every type."""
    near, centre = np.tile(table, (len(table), 1)), np.repeat(table, len(table), axis=0)
    pairs = [centre, near] if wrong == "centre first" else [near, centre]
    x = table if block["one_sided"] else np.concatenate(pairs, axis=-1)
    return layers(x, weights, f"{NAME}.type_gate.layers", phi, wrong)[-1]


def rows_of_table(block, size: int, own, near, wrong: str):
    if block["one_sided"]:
        return near
    return near * size + own if wrong == "table transposed" else own * size + near


def counted(slots: int, neighbors, seen: Rows, wrong: str):
    """What the sum over slots is divided by: their number."""
    if wrong == "divided by neighbours":
        return np.maximum(seen.held.sum(axis=1), 1)[:, None, None]
    if wrong == "divided by neighbours that are seen":
        return np.maximum(seen.seen.sum(axis=1), 1)[:, None, None]
    return max(neighbors.shape[1], 1) if wrong == "divided by the width" else slots


def product(x, axis: int, wrong: str):
    """X X[:axis]ᵀ with the axis fastest."""
    x = x[..., 1:] if wrong == "three columns" else x
    y = np.einsum("ngk,nak->nga", x, x[:, :axis])
    return (y.swapaxes(1, 2) if wrong == "channel fastest" else y).reshape(len(y), -1)
