"""Activation functions, each with its derivative (specification section 3.3).

A value and its pullback are one thought: `phi(x)` returns y and a function from dy to dx.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial

from .arrays import array_namespace


def tanh(x):
    xp = array_namespace(x)
    y = xp.tanh(x)
    return y, lambda dy: dy * (1 - y * y)


def relu(x):
    xp = array_namespace(x)
    on = xp.astype(x > 0, x.dtype)
    return x * on, lambda dy: dy * on


def relu6(x):
    xp = array_namespace(x)
    inside = xp.astype((x > 0) & (x < 6), x.dtype)
    return xp.clip(x, 0.0, 6.0), lambda dy: dy * inside


def gelu(x):
    """The tanh form, whatever the name."""
    xp = array_namespace(x)
    a, b = math.sqrt(2 / math.pi), 0.044715
    t = xp.tanh(a * (x + b * x * x * x))
    return 0.5 * x * (1 + t), lambda dy: dy * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * a * (1 + 3 * b * x * x))


def softplus(x):
    xp = array_namespace(x)
    # ln(1 + eˣ) = max(x, 0) + ln(1 + e⁻|ˣ|) cannot overflow
    y = xp.clip(x, 0.0, None) + xp.log1p(xp.exp(-xp.abs(x)))
    return y, lambda dy: dy * logistic(x)


def logistic(x):
    """1 / (1 + e⁻ˣ), by way of tanh, which cannot overflow."""
    xp = array_namespace(x)
    return 0.5 + 0.5 * xp.tanh(0.5 * x)


def sigmoid(x):
    y = logistic(x)
    return y, lambda dy: dy * y * (1 - y)


def silu(x):
    s = logistic(x)
    return x * s, lambda dy: dy * s * (1 + x * (1 - s))


def silut(x, threshold: float):
    """silu below `threshold`, above it a tanh that continues value and slope."""
    xp = array_namespace(x)
    s_t = 1 / (1 + math.exp(-threshold))
    height, slope = threshold * s_t, s_t + threshold * s_t * (1 - s_t)
    below = xp.astype(x < threshold, x.dtype)
    low, pull_low = silu(x)
    t = xp.tanh(slope * (x - threshold))
    y = below * low + (1 - below) * (t + height)
    return y, lambda dy: below * pull_low(dy) + (1 - below) * dy * slope * (1 - t * t)


def linear(x):
    return x, lambda dy: dy


PLAIN = {
    "tanh": tanh,
    "relu": relu,
    "relu6": relu6,
    "gelu": gelu,
    "gelu_tf": gelu,
    "softplus": softplus,
    "sigmoid": sigmoid,
    "silu": silu,
    "none": linear,
    "linear": linear,
}


@lru_cache
def activation(name: str | Callable) -> Callable:
    """The activation called `name` (in any case): y, pull = phi(x). `silut:3` carries its threshold.

    A function in place of a name is the activation itself.

    Raises ValueError for a name that the specification does not have.

    >>> import numpy
    >>> y, pull = activation("tanh")(numpy.asarray([0.0]))
    >>> float(pull(1.0)[0])
    1.0
    """
    if callable(name):
        return name
    word, _, threshold = name.lower().partition(":")
    if word in ("silut", "custom_silu"):
        return partial(silut, threshold=float(threshold) if threshold else 3.0)
    if word not in PLAIN or threshold:
        raise ValueError(f"is no known activation; known: {', '.join(PLAIN)}, silut[:t], custom_silu[:t]")
    return PLAIN[word]
