"""The heads beside the energy (specification section 21), from the output of the fitting net."""

from __future__ import annotations

import numpy as np


def head(config, weights, types, o, rotation, wrong: str = "") -> dict[str, np.ndarray]:
    """Values of atoms and of the system; `rotation` are the matrices of section 8.8."""
    kind = next(k for k in HEADS if k in config["fitting"])
    counts = np.isin(types, config["excluded_types"], invert=True) & (types >= 0)
    settings, of_type = config["fitting"][kind], np.maximum(types, 0)
    net_bias = weights["fitting.bias"][of_type]
    late = wrong == "net bias after deviation" and kind == "property"
    plain = o if late or wrong == "no net bias" else o + net_bias
    y = HEADS[kind](settings, weights, of_type, plain, rotation, wrong)
    y = y + net_bias if late else y
    y = np.where(counts[:, None], y.reshape(len(types), -1), 0.0)
    total = y.sum(axis=0) / (counts.sum() if settings.get("intensive") else 1)
    return {f"atom_{kind}": y, kind: total}


def invariant(settings, weights, t, o, rotation, wrong):
    scale = weights["deviation"][t] if "intensive" in settings else 1.0
    bias = weights["bias"][t]
    return (o + bias) * scale if wrong == "deviation after bias" else o * scale + bias


def dipole(settings, weights, t, o, rotation, wrong):
    return np.einsum("ig,igx->ix", o, rotation)


def polarizability(settings, weights, t, o, rotation, wrong):
    atoms, g, _ = rotation.shape
    m = np.stack([np.diag(row) for row in o]) if settings["diagonal"] else o.reshape(atoms, g, g)
    s = 0.5 * (m + np.swapaxes(m, 1, 2))
    if not settings["diagonal"] and wrong:
        s = {"not halved": 2.0 * s, "product": m @ np.swapaxes(m, 1, 2)}.get(wrong, s)
    scale = np.array(settings["scale"] or [1.0] * 9)[t]
    trace = weights["bias"][:, [0, 4, 8]].sum(axis=1)[t] / 3.0
    shift = np.array(settings["constant"] or [0.0] * 9)[t] + trace
    shift = shift if wrong == "no scale in the shift" else scale * shift
    shift = shift * (settings["shifted"] and wrong != "no shift")
    return scale[:, None, None] * np.einsum("igx,igh,ihy->ixy", rotation, s, rotation) + shift[:, None, None] * np.eye(
        3
    )


HEADS = {"property": invariant, "dos": invariant, "dipole": dipole, "polarizability": polarizability}
