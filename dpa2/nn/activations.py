"""Activation functions, each with its first two derivatives (specification section 3.3).

`phi(x)` gives the value and its pullback, `phi_curvature(x)` the second derivative. `ACTIVATIONS` is the one list of
them: another activation is two functions and a line.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

from .arrays import VJP, Array, array_namespace

GELU = math.sqrt(2 / math.pi), 0.044715  # constants of its tanh form
MAX_THRESHOLD = 700.0  # exp of more overflows float64


def tanh(x: Array) -> VJP:
    xp = array_namespace(x)
    y = xp.tanh(x)
    return y, lambda dy: dy * (1 - y * y)


def tanh_curvature(x: Array) -> Array:
    xp = array_namespace(x)
    y = xp.tanh(x)
    return -2.0 * y * (1.0 - y * y)


def relu(x: Array) -> VJP:
    xp = array_namespace(x)
    on = xp.astype(x > 0, x.dtype)
    return x * on, lambda dy: dy * on


def relu6(x: Array) -> VJP:
    xp = array_namespace(x)
    inside = xp.astype((x > 0) & (x < 6), x.dtype)
    return xp.clip(x, 0.0, 6.0), lambda dy: dy * inside


def gelu(x: Array) -> VJP:
    """The tanh form, whatever the name."""
    xp = array_namespace(x)
    a, b = GELU
    t = xp.tanh(a * (x + b * x * x * x))
    return 0.5 * x * (1 + t), lambda dy: dy * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * a * (1 + 3 * b * x * x))


def gelu_curvature(x: Array) -> Array:
    xp = array_namespace(x)
    a, b = GELU
    t, u, uu = xp.tanh(a * (x + b * x**3)), a * (1 + 3 * b * x * x), 6 * a * b * x
    return (1 - t * t) * (u + 0.5 * x * (uu - 2 * t * u * u))


def softplus(x: Array) -> VJP:
    xp = array_namespace(x)
    # ln(1 + eˣ) = max(x, 0) + ln(1 + e⁻|ˣ|) cannot overflow
    y = xp.clip(x, 0.0, None) + xp.log1p(xp.exp(-xp.abs(x)))
    return y, lambda dy: dy * logistic(x)


def softplus_curvature(x: Array) -> Array:
    s = logistic(x)
    return s * (1 - s)


def logistic(x: Array) -> Array:
    """1 / (1 + e⁻ˣ), by way of tanh, which cannot overflow."""
    xp = array_namespace(x)
    return 0.5 + 0.5 * xp.tanh(0.5 * x)


def sigmoid(x: Array) -> VJP:
    y = logistic(x)
    return y, lambda dy: dy * y * (1 - y)


def sigmoid_curvature(x: Array) -> Array:
    s = logistic(x)
    return s * (1 - s) * (1 - 2 * s)


def silu(x: Array) -> VJP:
    s = logistic(x)
    return x * s, lambda dy: dy * s * (1 + x * (1 - s))


def silu_curvature(x: Array) -> Array:
    s = logistic(x)
    return s * (1 - s) * (2 + x * (1 - 2 * s))


def silut(x: Array, threshold: float) -> VJP:
    """silu below `threshold`, above it a tanh that continues value and slope."""
    xp = array_namespace(x)
    height, slope = silu_at(threshold)
    below = xp.astype(x < threshold, x.dtype)
    low, pull_low = silu(x)
    t = xp.tanh(slope * (x - threshold))
    y = below * low + (1 - below) * (t + height)
    return y, lambda dy: below * pull_low(dy) + (1 - below) * dy * slope * (1 - t * t)


def silut_curvature(x: Array, threshold: float) -> Array:
    xp = array_namespace(x)
    _, slope = silu_at(threshold)
    below = xp.astype(x < threshold, x.dtype)
    return below * silu_curvature(x) + (1 - below) * slope * slope * tanh_curvature(slope * (x - threshold))


def silu_at(threshold: float) -> tuple[float, float]:
    """Value and slope of silu at one number."""
    s = 1 / (1 + math.exp(-threshold))
    return threshold * s, s + threshold * s * (1 - s)


def linear(x: Array) -> VJP:
    return x, lambda dy: dy


def no_curvature(x: Array) -> Array:
    """The second derivative of a piecewise linear function."""
    return array_namespace(x).zeros_like(x)


@dataclass(frozen=True)
class Activation:
    """An activation: value and pullback, second derivative, and other names of it."""

    vjp: Callable[..., VJP]
    curvature: Callable[..., Array]
    aliases: tuple[str, ...] = ()
    smooth: bool = True  # whether all derivatives are continuous
    threshold: float | None = None  # of an activation that takes one, where its name gives none

    def at(self, threshold: float) -> Activation:
        """The activation of x alone."""
        return Activation(partial(self.vjp, threshold=threshold), partial(self.curvature, threshold=threshold))


ACTIVATIONS = {
    "tanh": Activation(tanh, tanh_curvature),
    "relu": Activation(relu, no_curvature, smooth=False),
    "relu6": Activation(relu6, no_curvature, smooth=False),
    "gelu": Activation(gelu, gelu_curvature, aliases=("gelu_tf",)),
    "softplus": Activation(softplus, softplus_curvature),
    "sigmoid": Activation(sigmoid, sigmoid_curvature),
    "silu": Activation(silu, silu_curvature),
    "linear": Activation(linear, no_curvature, aliases=("none",)),
    "silut": Activation(silut, silut_curvature, aliases=("custom_silu",), smooth=False, threshold=3.0),
}
NAMES = tuple(name for key, entry in ACTIVATIONS.items() for name in (key, *entry.aliases))


@lru_cache
def activation(name: str | Callable[[Array], VJP]) -> Callable[[Array], VJP]:
    """Return the activation called `name`, in any case: y, pull = phi(x). `silut:3` carries its threshold.

    A function in place of a name is the activation itself.

    Raises ValueError for a name that the specification does not have.

    >>> import numpy
    >>> y, pull = activation("tanh")(numpy.asarray([0.0]))
    >>> float(pull(1.0)[0])
    1.0
    """
    if callable(name):
        return name
    return named(name).vjp


def curvature(name: str) -> Callable[[Array], Array]:
    """The second derivative of the activation called `name`."""
    return named(name).curvature


def named(name: str) -> Activation:
    """The entry of a name, with the threshold that the name carries."""
    entry, threshold = ACTIVATIONS[key_of(name)], name.partition(":")[2]
    if entry.threshold is not None:
        return entry.at(read_threshold(threshold) if threshold else entry.threshold)
    if threshold:
        raise ValueError("takes no threshold")
    return entry


def key_of(name: str) -> str:
    """The name under which the table has an activation, whatever its case, alias and threshold."""
    word = name.lower().partition(":")[0]
    for key, entry in ACTIVATIONS.items():
        if word in (key, *entry.aliases):
            return key
    raise ValueError(f"is no known activation; known: {', '.join(map(spelled, NAMES))}")


def spelled(name: str) -> str:
    """A name with the place of its threshold, for messages."""
    return name if ACTIVATIONS[key_of(name)].threshold is None else f"{name}[:t]"


def read_threshold(text: str) -> float:
    """The number behind the colon of a name."""
    threshold = float(text)
    if not abs(threshold) <= MAX_THRESHOLD:
        raise ValueError(f"needs a threshold of at most {MAX_THRESHOLD:.0f}")
    return threshold
