"""Sums over neighbours and attention of the first layer (specification sections 8.4 to 8.7), from its input."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .attention import local_attention, pair_attention
from .pieces import excluded, widened

LAYER = "repformer/layer0/"


class Start(NamedTuple):
    """What the layer sees, all slots of it; `weight` is ω, and `near` are the neighbours' f."""

    f: np.ndarray
    near: np.ndarray
    pair: np.ndarray
    frame: np.ndarray
    switch: np.ndarray
    weight: np.ndarray
    held: np.ndarray


def first_layer(config, weights, types, trace, wrong: str = "") -> dict[str, np.ndarray]:
    """The updates that are sums or attention, as far as the model has them."""
    x, block = start(config, types, trace), config["repformer"]
    updates = {
        "g1_conv": lambda: convolution(config, weights, x, wrong),
        "g1_grrg": lambda: symmetrized(config, x, x.pair, wrong),
        "g1_drrd": lambda: symmetrized(config, x, x.near, wrong),
        "g2_g1g1": lambda: product(weights, x, wrong),
    }
    found = {name: update() for name, update in updates.items() if LAYER + name in trace}
    if block["local_attention"]:
        found |= local_attention(config, weights, x, wrong)
    if LAYER + "attn2_map" in trace:
        found |= pair_attention(config, weights, x, wrong)
    begun = {name: trace[name] for name in ("repformer/g1_0", "repformer/sw", "repformer/g2_0", "repformer/h2_0")}
    return begun | {LAYER + name: array for name, array in found.items() if LAYER + name in trace}


def start(config, types, trace) -> Start:
    """The layer's input, as the golden vector has it, with nothing in slots without a neighbour."""
    slots, near = config["repformer"]["max_neighbors"], trace["nlist/rf_local"]
    held = (trace["nlist/rf"] >= 0) & ~excluded(types[:, None], types[near], config["excluded_pairs"])
    names = (LAYER + "g1_nei", "repformer/g2_0", "repformer/h2_0", "repformer/sw")
    features = (np.where(held.reshape(*held.shape, *[1] * (trace[n].ndim - 2)), trace[n], 0.0) for n in names)
    g1_nei, pair, frame, switch = (widened(x, slots) for x in features)
    held = widened(held, slots, False)
    weight = switch if config["smooth"] else held.astype(float)
    return Start(trace["repformer/g1_0"], g1_nei, pair, frame, switch, weight, held)


def normalizer(config, x: Start, root: bool, wrong: str):
    """η of every atom."""
    slots, n = np.full(len(x.f), float(config["repformer"]["max_neighbors"])), x.held.sum(axis=1)
    if config["smooth"]:
        n = np.maximum(n, 1e-30) if wrong == "divided by neighbours" else slots
        return 1.0 / (n**0.5 if root else n)
    protection = 0.0 if wrong == "count not protected" else 1e-4
    n = np.maximum(n, 1) if wrong == "count not protected" else n
    return 1.0 / (protection + (n**0.5 if root else n))


def convolution(config, weights, x: Start, wrong: str):
    """η Σ_a (g_a P) ∘ ω_a f_a, or η Σ_a g_a ∘ ω_a (f_a P)"""
    project = weights["descriptor.repformer.layers.0.convolution.project.weight"]
    weight = (x.held if wrong == "convolution not switched" else x.weight)[..., None]
    root = config["repformer"]["root_normalization"] and wrong == "root in convolution"
    wide = config["repformer"]["separate_convolution"]
    terms = (x.pair @ project) * weight * x.near if wide else x.pair * weight * (x.near @ project)
    return normalizer(config, x, root, wrong)[:, None] * terms.sum(axis=1)


def symmetrized(config, x: Start, features, wrong: str):
    """(1/3) H[:, :axis]ᵀ H with H = η Σ_a h_a ⊗ ω_a x_a, the channel fastest"""
    weight = x.held if wrong == "moment not switched" else x.weight
    root = config["repformer"]["root_normalization"] and wrong != "root ignored"
    eta = normalizer(config, x, root, wrong)[:, None, None]
    moment = eta * np.einsum("nak,na,nac->nkc", x.frame, weight, features)
    y = np.einsum("nka,nkc->nac", moment[:, :, : config["repformer"]["axis"]], moment)
    y = y if wrong == "third missing" else y / 3.0
    return (y.swapaxes(1, 2) if wrong == "axis fastest" else y).reshape(len(y), -1)


def product(weights, x: Start, wrong: str):
    """(ω_a f_i ∘ f_a) P"""
    weight = (x.held if wrong == "product not switched" else x.weight)[..., None]
    return (weight * x.f[:, None, :] * x.near) @ weights["descriptor.repformer.layers.0.pair_product.weight"]
