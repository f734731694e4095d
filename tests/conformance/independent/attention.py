"""Attention of an atom to its neighbours, and of these to each other (specification sections 8.5 to 8.7)."""

from __future__ import annotations

import numpy as np

SHIFT = 20.0


def attended(logits, weight, held, smooth: bool, place: str, wrong: str):
    """ℓ and α over the last axis, of λ, ω and which slots hold a neighbour."""
    shift = 0.0 if wrong in ("no shift", f"no shift: {place}") else SHIFT
    logits = (logits + shift) * weight - shift if smooth else logits
    masked = wrong in ("empty slots masked", f"empty slots masked: {place}") if smooth else True
    if not smooth and wrong in ("masked late", f"masked late: {place}"):
        return logits, softmax(np.where(held, logits, 0.0))
    return logits, softmax(np.where(held, logits, -np.inf) if masked else logits)


def softmax(logits):
    """Over the last axis; nothing where all is masked."""
    top = logits.max(axis=-1, keepdims=True)
    e = np.exp(logits - np.where(np.isfinite(top), top, 0.0))
    total = e.sum(axis=-1, keepdims=True)
    return e / np.where(total > 0.0, total, 1.0)


def local_attention(config, weights, x, wrong: str) -> dict[str, np.ndarray]:
    """What an atom hears, axes (atom, head, slot) until it is recorded."""
    query, key, value, output, bias = parts(weights, "local_attention", "query", "key", "value", "output", "bias")
    q, k = np.einsum("nx,hxd->nhd", x.f, query), np.einsum("nax,hxd->nhad", x.near, key)
    scale = 1.0 if wrong in ("not scaled", "not scaled: local") else query.shape[-1] ** -0.5
    weight, held = x.switch[:, None, :], x.held[:, None, :]
    smooth = config["smooth"]
    logits, alpha = attended(np.einsum("nhd,nhad->nha", q, k) * scale, weight, held, smooth, "local", wrong)
    heard = held * alpha * (weight if smooth and wrong != "local: switched once" else 1.0)
    gathered = np.einsum("nha,nax,hxv->nhv", heard, x.near, value)
    if wrong == "local: heads swapped":
        output = output.reshape(output.shape[1], output.shape[0], -1).swapaxes(0, 1)
    y = np.einsum("nhv,hvy->ny", gathered, output) + bias
    recorded = {"attn1_logits": logits, "attn1_weights": heard}
    return {name: np.moveaxis(array, 1, 2) for name, array in recorded.items()} | {"g1_attn": y}


def pair_attention(config, weights, x, wrong: str) -> dict[str, np.ndarray]:
    """What neighbours hear of each other, axes (atom, head, query, key) until it is recorded."""
    query, key = parts(weights, "pair_attention", "query", "key")
    gate, smooth = config["repformer"]["pair_attention_gate"] and wrong != "no gate", config["smooth"]
    q, k = np.einsum("nax,hxd->nhad", x.pair, query), np.einsum("nbx,hxd->nhbd", x.pair, key)
    gamma = np.einsum("nak,nbk->nab", x.frame, x.frame)[:, None]
    scale = 1.0 if wrong in ("not scaled", "not scaled: pair") else query.shape[-1] ** -0.5
    raw = np.einsum("nhad,nhbd->nhab", q, k) * scale * (gamma if gate else 1.0)
    both = (x.switch[:, :, None] * x.switch[:, None, :])[:, None]
    one, held = x.switch[:, None, None, :], x.held[:, None, None, :]
    weight = one if wrong == "switch of the key" else both
    logits, alpha = attended(raw, weight, held, smooth, "pair", wrong)
    after = one if wrong in ("switch of the key", "switch of the key after") else both
    after = after if smooth and wrong != "pair: switched once" else 1.0
    heard = alpha * after * held * x.held[:, None, :, None] * angle(gamma, gate, wrong)
    recorded = {"attn2_logits": np.moveaxis(logits, 1, 3), "attn2_map": np.moveaxis(heard, 1, 3)}
    return recorded | readings(config, weights, x, heard, wrong)


def angle(gamma, gate: bool, wrong: str):
    """γ/√3, gate or not."""
    if wrong == "no angle without a gate" and not gate:
        return np.ones_like(gamma)
    return gamma if wrong == "angle not divided" else gamma / 3.0**0.5


def readings(config, weights, x, heard, wrong: str) -> dict[str, np.ndarray]:
    """The updates of g and h that read the map."""
    value, output, bias, gamma, beta, mix = parts(
        weights, "pair_attention", "value", "output", "bias", "norm.weight", "norm.bias", "mix"
    )
    found = {}
    if value is not None:
        if wrong == "pair: heads swapped":
            output = output.reshape(output.shape[1], output.shape[0], -1).swapaxes(0, 1)
        y = np.einsum("nhab,nbx,hxv,hvy->nay", heard, x.pair, value, output) + bias
        y = y - y.mean(axis=-1, keepdims=True)
        y = y / np.sqrt((y * y).mean(axis=-1, keepdims=True) + config["repformer"]["norm_epsilon"])
        found["g2_attn"] = y if wrong == "plain norm" else y * gamma + beta
    if mix is not None:
        found["h2_attn"] = np.einsum("h,nhab,nbk->nak", mix, heard, x.frame)
    return found


def parts(weights, name: str, *of: str) -> list:
    """Weights of the first layer; None for those that the model does not have."""
    return [weights.get(f"descriptor.repformer.layers.0.{name}.{part}") for part in of]
