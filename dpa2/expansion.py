"""Embedding nets as Chebyshev polynomials: for those who ask for it, and only as exact as they demand.

For given types an embedding net is a function of one number. Expanded, g(s) = Σ_n C_n T_n(s), the sum over neighbours
moves inside: Σ_a g(s_a) ⊗ R_a = Σ_n C_n (Σ_a T_n(s_a) R_a), and no net is evaluated at any neighbour.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .arrays import Array, Float, Int, array_namespace, take_rows
from .embedding import TypedEmbedding
from .energy import EnergyProgram
from .errors import UnsupportedModel
from .module import module, static
from .repinit import Repinit, radial
from .three_body import ThreeBody

MOST, MOST_FOR_PAIRS = 128, 32  # terms; with more, the net itself is faster
SAMPLES = 4  # times as many points as terms, at which an expansion is verified


@module
class Expansion:
    """C for every pair of types: of those of the first kind of factor, then of the next; on an interval of s."""

    coefficients: Float[Array, "own channel factor*term"]
    terms: int = static()
    low: float = static()
    high: float = static()
    switched: bool = static()
    types: int = static()

    def linearize_moments(self, s: Float[Array, "atom point"], values: Float[Array, "atom point value"]):
        """Σ_points T_n(s) values (atom, term, value); `pull` gives (ds, dvalues)."""
        xp = array_namespace(s)
        u = (s - 0.5 * (self.low + self.high)) * (2.0 / (self.high - self.low))
        t = xp.stack(chebyshev(u, self.terms), axis=1)

        def pull_back(dmoments):
            dt = dmoments @ values.mT
            du = 0.0 * u
            for n, slope in enumerate(second_kind(u, self.terms - 1), start=1):
                du = du + n * dt[:, n, :] * slope
            return du * (2.0 / (self.high - self.low)), t.mT @ dmoments

        return t @ values, pull_back

    def factors(self, kinds: Float[Array, "*axes kind"], weight: Float[Array, "*axes"]):
        """What T_n is multiplied with: 1 for the kind of neighbour; where types enter as a gate, (1, ρ · that)."""
        xp = array_namespace(weight)
        if not self.switched:
            return kinds
        return xp.concat([xp.ones_like(kinds[..., :1]), kinds * weight[..., None]], axis=-1)

    def pull_factors(self, dfactors, kinds):
        """The cotangent of the weight."""
        xp = array_namespace(kinds)
        if not self.switched:
            return xp.zeros_like(kinds[..., 0])
        return xp.sum(dfactors[..., 1:] * kinds, axis=-1)


def chebyshev(u, terms: int) -> list:
    """T_0 … of the first kind."""
    t = [0.0 * u + 1.0, u]
    while len(t) < terms:
        t.append(2.0 * u * t[-1] - t[-2])
    return t[:terms]


def second_kind(u, terms: int) -> list:
    """U_0 …, with T_n′ = n U_{n-1}."""
    t = [0.0 * u + 1.0, 2.0 * u]
    while len(t) < terms:
        t.append(2.0 * u * t[-1] - t[-2])
    return t[:terms]


def one_hot(types: Int[Array, "*axes"], count: int, like: Float[Array, "..."]) -> Float[Array, "*axes type"]:
    """1 at the place of each type."""
    xp = array_namespace(like)
    return xp.stack([xp.astype(types == t, like.dtype) for t in range(count)], axis=-1)


@module
class ExpandedRepinit(Repinit):
    """repinit with its embedding net expanded."""

    expansion: Expansion | None = None

    def linearize_sum(self, slots, own, counted):
        xp = array_namespace(counted)
        atoms, points, e = counted.shape[0], counted.shape[1], self.expansion
        kinds = one_hot(slots.types, e.types, counted)
        factors = e.factors(kinds, slots.weight)
        values = xp.reshape(factors[..., None] * counted[:, :, None, :], (atoms, points, -1))
        moments, pull_moments = e.linearize_moments(slots.rows[..., 0], values)
        moments = xp.permute_dims(xp.reshape(moments, (atoms, e.terms, -1, 4)), (0, 2, 1, 3))
        spread = take_rows(e.coefficients, own)

        def pull_back(dx):
            dmoments = xp.reshape(spread.mT @ dx, moments.shape)
            ds, dvalues = pull_moments(xp.reshape(xp.permute_dims(dmoments, (0, 2, 1, 3)), (atoms, e.terms, -1)))
            dvalues = xp.reshape(dvalues, (atoms, points, -1, 4))
            dweight = e.pull_factors(xp.sum(dvalues * counted[:, :, None, :], axis=-1), kinds)
            return xp.sum(dvalues * factors[..., None], axis=2), radial(ds), dweight

        return spread @ xp.reshape(moments, (atoms, -1, 4)), pull_back


@module
class ExpandedThreeBody(ThreeBody):
    """The three-body block with its embedding net expanded; pairs of types are the kinds of a pair of neighbours."""

    expansion: Expansion | None = None

    def linearize_mean(self, kappa, types, both, share):
        xp = array_namespace(kappa)
        atoms, slots, e = kappa.shape[0], kappa.shape[1], self.expansion
        pair = types[:, :, None] * e.types + types[:, None, :]
        kinds = one_hot(pair, e.types**2, kappa)
        factors = xp.reshape(e.factors(kinds, both), (atoms, slots * slots, -1))
        counted = xp.reshape(kappa * share, (atoms, -1, 1))
        moments, pull_moments = e.linearize_moments(xp.reshape(kappa, (atoms, -1)), factors * counted)
        spread = e.coefficients[0, ...]

        def pull_back(dd):
            dmoments = xp.permute_dims(xp.reshape(dd @ spread, (atoms, -1, e.terms)), (0, 2, 1))
            ds, dvalues = pull_moments(dmoments)
            dkappa = xp.reshape(ds, kappa.shape) + share * xp.reshape(xp.sum(dvalues * factors, axis=-1), kappa.shape)
            dfactors = xp.reshape(dvalues * counted, (*kappa.shape, -1))
            return dkappa, e.pull_factors(dfactors, kinds)

        return xp.reshape(xp.permute_dims(moments, (0, 2, 1)), (atoms, -1)) @ spread.T, pull_back


def accelerated(program: EnergyProgram, closest: float, tolerance: float) -> EnergyProgram:
    """A folded model with its embedding nets expanded, for neighbours from `closest` Å on. Arrays of NumPy.

    The three-body block keeps its net, which is small, if an expansion of that is too long to pay.
    """
    initial = program.descriptor.initial
    three = initial.three_body and expanded_three_body(initial.three_body, closest, tolerance)
    initial = replace(initial, repinit=expanded_repinit(initial.repinit, closest, tolerance), three_body=three)
    return replace(program, descriptor=replace(program.descriptor, initial=initial))


def expanded_repinit(block: Repinit, closest: float, tolerance: float) -> ExpandedRepinit:
    """repinit on all values that s takes; `UnsupportedModel` where that is not possible."""
    if block.attention:
        raise UnsupportedModel("repinit: attention among neighbours cannot be expanded", what="attention in repinit")
    env, net = block.environment, folded(block.embedding)
    types = net.types - 1
    ends = (np.array([0.0, 1.0 / (closest + env.protection)]) - env.mean[:types, :1]) / env.std[:types, :1]
    kinds = [[(near, own) for near in range(types)] for own in range(types)]
    expansion, error = expand(net, kinds, (float(ends.min()), float(ends.max())), tolerance, MOST)
    if expansion is None:
        raise UnsupportedModel(
            f"repinit: {MOST} Chebyshev terms leave an error of {error:.1e}, {tolerance:.1e} is allowed. Allow more, "
            f"or ask for less: a `closest` larger than {closest} Å leaves less to expand", what="repinit", error=error,
        )  # fmt: skip
    return ExpandedRepinit(**fields(block), expansion=expansion)


def expanded_three_body(block: ThreeBody, closest: float, tolerance: float) -> ThreeBody:
    """The three-body block on all values that κ takes, or as it is."""
    env, net = block.environment, folded(block.embedding)
    types = net.types - 1
    raw = 1.0 / (closest + env.protection)
    longest = ((raw + np.linalg.norm(env.mean[:types, 1:], axis=1)) / env.std[:types, 1:].min(axis=1)).max()
    kinds = [[(a, b) for a in range(types) for b in range(types)]]
    expansion, _ = expand(net, kinds, (-float(longest**2), float(longest**2)), tolerance, MOST_FOR_PAIRS)
    return block if expansion is None else ExpandedThreeBody(**fields(block), expansion=expansion)


def folded(net) -> TypedEmbedding:
    """The embedding net of a block that has been folded."""
    assert isinstance(net, TypedEmbedding), "expansions are made of folded models"
    return net


def fields(block) -> dict:
    """The fields of a module."""
    return {name: getattr(block, name) for name in block.__dataclass_fields__}


def expand(net: TypedEmbedding, kinds, interval: tuple[float, float], tolerance: float, most: int):
    """An `Expansion` of at most `most` terms, verified between its nodes, or None; and its error."""
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
    """What the expansion of each factor stands for (channel, factor, point): g, or q and then q z."""

    def g(near: int, own: int, weight: float):
        at = np.full_like(s, near, dtype=int), np.full_like(s, own, dtype=int)
        return net.linearize(s, *at, weight * np.ones_like(s))[0]

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
    u = np.linspace(-1.0, 1.0, SAMPLES * terms + 1)
    exact = functions(0.5 * (low + high) + 0.5 * (high - low) * u)
    return float(np.abs(coefficients @ np.stack(chebyshev(u, terms)) - exact).max() / np.abs(exact).max())
