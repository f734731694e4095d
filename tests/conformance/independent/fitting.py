"""The fitting net (specification section 11), from its input."""

from __future__ import annotations

import numpy as np

from .pieces import activation, layers


def fitting(config, weights, x, wrong: str = "") -> dict[str, np.ndarray]:
    """Its hidden layers and what it gives, without any bias of types."""
    hidden = layers(x, weights, "fitting.layers", activation(config["fitting"]["activation"], wrong), wrong)
    y = hidden[-1] @ weights["fitting.output.weight"] + weights["fitting.output.bias"]
    return {f"fitting/hidden{k}": h for k, h in enumerate(hidden)} | {"fitting/net_out": y}
