"""The norm over channels: after centered weights, and in low precision."""

from __future__ import annotations

import numpy as np
from tolerances import assert_close

from dpa2.nn.layers import LayerNorm, centered


def test_after_centred_weights_the_norm_need_not_centre():
    rng = np.random.default_rng(0)
    norm = LayerNorm(rng.normal(size=16), rng.normal(size=16), 1e-5)
    x, weight, bias = rng.normal(size=(50, 8)), rng.normal(size=(8, 16)), rng.normal(size=16)
    short = norm.centered_vjp(x @ centered(weight) + centered(bias))[0]
    assert_close("layout", short, norm.vjp(x @ weight + bias)[0], "norm")


def test_half_precision_holds_the_squares_of_large_numbers():
    signs = np.where(np.arange(32) % 2, 1.0, -1.0).astype("float16")
    norm = LayerNorm(np.ones(32, "float16"), np.zeros(32, "float16"), 1e-3)
    assert np.abs(norm.vjp(50 * signs[None])[0] - signs).max() < 1e-2
