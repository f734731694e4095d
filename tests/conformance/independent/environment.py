"""Switch, environment matrix and exclusion (specification section 2)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .pieces import excluded, widened


class Rows(NamedTuple):
    """All slots of a block: rows and switch values, types of what is in them, and whether that is a neighbour."""

    rows: np.ndarray
    switch: np.ndarray
    types: np.ndarray
    held: np.ndarray
    seen: np.ndarray


def environment(config, block: dict, weights, name: str, types, neighbors, vectors, wrong: str = "") -> Rows:
    """The rows of repinit and of the three-body block, zero where a pair is excluded (section 2.5)."""
    slots = block["max_neighbors"]
    near, d = widened(neighbors, slots, -1), widened(vectors, slots)
    held = near >= 0
    r = np.where(held, np.sqrt((d * d).sum(axis=-1)), 1.0)
    w = np.where(held, switch(r, block["inner_cutoff"], block["cutoff"], wrong), 0.0)
    p = r + (0.0 if wrong == "no protection" else config["protection"])
    raw = w[..., None] * np.concatenate([1.0 / p[..., None], d / p[..., None] ** 2], axis=-1)
    rows = normalised(raw, weights, f"{name}.environment", types, wrong)
    if wrong == "empty slots zero":
        rows = rows * held[..., None]
    pairs = () if wrong == "exclusion ignored" else config["excluded_pairs"]
    seen = held & ~excluded(types[:, None], types[near], pairs)
    rows = np.where((held & ~seen)[..., None], 0.0, rows)
    return Rows(rows, w * seen, np.where(seen, types[near], types[0]), held, seen)


def switch(r, inner: float, outer: float, wrong: str = ""):
    """1 + u³ (-6 u² + 15 u - 10)"""
    u = (r - inner) / (outer - inner)
    u = np.minimum(u, 1.0) if wrong == "unclipped switch" else np.clip(u, 0.0, 1.0)
    if wrong == "cubic switch":
        return 1.0 - 3.0 * u**2 + 2.0 * u**3
    if wrong == "cosine switch":
        return 0.5 + 0.5 * np.cos(np.pi * u)
    return 1.0 + u**3 * (-6.0 * u**2 + 15.0 * u - 10.0)


def normalised(raw, weights, name: str, types, wrong: str = ""):
    """(raw - davg) / dstd, of the type of the centre."""
    mean, std = weights[f"{name}.mean"][types][:, None, :], weights[f"{name}.std"][types][:, None, :]
    if wrong == "no statistics":
        return raw
    return raw / std if wrong == "no mean" else (raw - mean) / std
