"""Expansion of embedding nets: interpolation at Chebyshev nodes, verified between them on the actual weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Real

import numpy as np

from ..descriptor.embedding import TypedEmbedding
from ..descriptor.expansion import ExpandedRepinit, ExpandedThreeBody, Expansion, chebyshev
from ..descriptor.repinit import RepinitProgram
from ..descriptor.three_body import ThreeBodyProgram
from ..errors import InputError, UnsupportedModel
from ..fitting.atomic_model import AtomicProgram

MAX_TERMS, MAX_TERMS_OF_PAIRS = 128, 32  # nets are faster than expansions with more terms
POINTS_PER_TERM = 4  # an expansion is verified at so many points for each of its terms


@dataclass(frozen=True)
class Acceleration:
    """The demands on an expansion: the largest error, and the distance (Å) of neighbours down to which it holds."""

    tolerance: float
    closest: float

    def __post_init__(self):
        for name, value in vars(self).items():
            if not (isinstance(value, Real) and math.isfinite(value) and value > 0):
                raise InputError(f"{name} = {value!r}: must be a positive number", argument=name)


def accelerated(program: AtomicProgram, closest: float, tolerance: float) -> AtomicProgram:
    """Return the program with its embedding nets expanded for neighbours from `closest` Å on. Arrays are NumPy's.

    The three-body block keeps its net, which is small, if only an expansion of more terms were exact enough.
    """
    initial = program.descriptor.initial
    three = initial.three_body and expanded_three_body(initial.three_body, closest, tolerance)
    initial = replace(initial, repinit=expanded_repinit(initial.repinit, closest, tolerance), three_body=three)
    return replace(program, descriptor=replace(program.descriptor, initial=initial))


def expanded_repinit(block: RepinitProgram, closest: float, tolerance: float) -> ExpandedRepinit:
    """repinit with its net expanded over all values of s; raises `UnsupportedModel` where that is not possible."""
    if block.attention:
        raise UnsupportedModel("repinit: attention among neighbours cannot be expanded", what="attention in repinit")
    env, net = block.environment, block.embedding
    types = net.types - 1
    ends = (np.array([0.0, 1.0 / (closest + env.protection)]) - env.mean[:types, :1]) / env.std[:types, :1]
    kinds = [[(near, own) for near in range(types)] for own in range(types)]
    expansion, error = expand(net, kinds, (float(ends.min()), float(ends.max())), tolerance, MAX_TERMS)
    if expansion is None:
        raise UnsupportedModel(
            f"repinit: {MAX_TERMS} Chebyshev terms leave an error of {error:.1e}, {tolerance:.1e} is allowed. Allow a "
            f"larger one, or a `closest` larger than {closest} Å, which leaves a shorter interval to expand over",
            what="repinit",
            error=error,
        )
    return ExpandedRepinit(**fields(block), expansion=expansion)


def expanded_three_body(block: ThreeBodyProgram, closest: float, tolerance: float) -> ThreeBodyProgram:
    """The three-body block with its net expanded over all values of κ, or as it is if that takes too many terms."""
    env, net = block.environment, block.embedding
    types = net.types - 1
    raw = 1.0 / (closest + env.protection)
    longest = ((raw + np.linalg.norm(env.mean[:types, 1:], axis=1)) / env.std[:types, 1:].min(axis=1)).max()
    kinds = [[(a, b) for a in range(types) for b in range(types)]]
    expansion, _ = expand(net, kinds, (-float(longest**2), float(longest**2)), tolerance, MAX_TERMS_OF_PAIRS)
    return block if expansion is None else ExpandedThreeBody(**fields(block), expansion=expansion)


def fields(block) -> dict:
    """The fields of a module."""
    return {name: getattr(block, name) for name in block.__dataclass_fields__}


def expand(net: TypedEmbedding, kinds, interval: tuple[float, float], tolerance: float, most: int):
    """An `Expansion` of at most `most` terms, or None if none is exact enough, and the error of the last one tried."""
    gated = net.gate is not None and net.switched

    def functions(s):
        """Values (own, channel, factor, point) at s."""
        return np.stack([factor_values(net, s, row, gated) for row in kinds])

    terms, error = 8, np.inf
    while terms <= most:
        coefficients = fit(functions, *interval, terms)
        error = deviation(functions, coefficients, *interval, terms)
        if error <= tolerance:
            flat = coefficients.reshape(*coefficients.shape[:2], -1)
            return Expansion(flat, terms, *interval, gated, net.types - 1), error
        terms += 4
    return None, error


def factor_values(net: TypedEmbedding, s, row, gated: bool) -> np.ndarray:
    """The values that each factor expands (channel, factor, point): g, or q and then q z."""

    def g(near: int, own: int, weight: float):
        at = np.full_like(s, near, dtype=int), np.full_like(s, own, dtype=int)
        return net.vjp(s, *at, weight * np.ones_like(s))[0]

    if not gated:
        return np.stack([g(near, own, 1.0) for near, own in row], axis=1)
    q = g(row[0][0], row[0][1], 0.0)
    return np.stack([q, *(g(near, own, 1.0) - q for near, own in row)], axis=1)


def fit(functions: Callable, low: float, high: float, terms: int) -> np.ndarray:
    """Coefficients of the polynomials through the values at the Chebyshev nodes."""
    angle = (np.arange(terms) + 0.5) * np.pi / terms
    values = functions(0.5 * (low + high) + 0.5 * (high - low) * np.cos(angle))
    basis = np.cos(np.arange(terms) * angle[:, None]) * np.where(np.arange(terms) == 0, 1.0, 2.0) / terms
    return values @ basis


def deviation(functions: Callable, coefficients, low: float, high: float, terms: int) -> float:
    """The largest error between the nodes, relative to the largest value."""
    u = np.linspace(-1.0, 1.0, POINTS_PER_TERM * terms + 1)
    exact = functions(0.5 * (low + high) + 0.5 * (high - low) * u)
    return float(np.abs(coefficients @ np.stack(chebyshev(u, terms)) - exact).max() / np.abs(exact).max())
