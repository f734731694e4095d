"""Slots, activations and layers (specification sections 1.5 and 3)."""

from __future__ import annotations

import math

import numpy as np

erf = np.vectorize(math.erf, otypes=[float])


def widened(x: np.ndarray, slots: int, fill: float = 0) -> np.ndarray:
    """All slots of a block, filled where no atom has so many neighbours."""
    missing = [(0, 0), (0, slots - x.shape[1])] + [(0, 0)] * (x.ndim - 2)
    return np.pad(x, missing, constant_values=fill)


def excluded(own: np.ndarray, near: np.ndarray, pairs) -> np.ndarray:
    """Which pairs of types are among those that must not see each other."""
    found = np.zeros(np.broadcast_shapes(own.shape, near.shape), bool)
    for a, b in pairs:
        found |= ((own == a) & (near == b)) | ((own == b) & (near == a))
    return found


def activation(name: str, wrong: str = ""):
    """One of the functions of section 3.3 that models in the golden vectors have."""
    if name == "gelu":
        return gelu_by_erf if wrong == "gelu by erf" else gelu
    if name.startswith("silut"):
        threshold = float(name.partition(":")[2] or 3)
        return silu if wrong == "silut is silu" else lambda x: silut(x, threshold)
    return {"tanh": np.tanh, "linear": lambda x: x}[name]


def gelu(x):
    return 0.5 * x * (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * (x + 0.044715 * x**3)))


def gelu_by_erf(x):
    return 0.5 * x * (1.0 + erf(x / np.sqrt(2.0)))


def silu(x):
    return x / (1.0 + np.exp(-x))


def silut(x, t: float):
    s = 1.0 / (1.0 + np.exp(-t))
    return np.where(x < t, silu(x), np.tanh((s + t * s * (1.0 - s)) * (x - t)) + t * s)


def dense(x, weights, name: str, phi, wrong: str = ""):
    """φ(x W + b) [∘ θ] [+ x, or x twice]"""
    weight, bias, timestep = (weights.get(f"{name}.{part}") for part in ("weight", "bias", "timestep"))
    y = phi(x @ weight + (0.0 if bias is None else bias))
    if timestep is not None and wrong != "no timestep":
        y = y * timestep
    copies = {1: 1, 2: 2}.get(weight.shape[1] / weight.shape[0], 0)
    if wrong == "no skip" or (wrong == "no doubled skip" and copies == 2):
        return y
    return y + np.concatenate([x] * copies, axis=-1) if copies else y


def layers(x, weights, name: str, phi, wrong: str = "") -> list[np.ndarray]:
    """What the layers NAME.0, NAME.1, ... give one after another."""
    found = []
    while f"{name}.{len(found)}.weight" in weights:
        x = dense(x, weights, f"{name}.{len(found)}", phi, wrong)
        found.append(x)
    return found


def side_by_side(*parts) -> np.ndarray:
    """[a | b | ...] after broadcasting their other axes."""
    shape = np.broadcast_shapes(*(part.shape[:-1] for part in parts))
    return np.concatenate([np.broadcast_to(part, (*shape, part.shape[-1])) for part in parts], axis=-1)
