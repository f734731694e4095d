"""Embedding nets as Chebyshev polynomials, which `Model.accelerate` makes to the error that it is given.

For given types an embedding net is a function of one number. Expanded, g(s) = Σ_n C_n T_n(s), the sum over neighbours
moves inside: Σ_a g(s_a) ⊗ R_a = Σ_n C_n (Σ_a T_n(s_a) R_a), and no net is evaluated at any neighbour.
"""

from __future__ import annotations

from collections.abc import Callable

from ..nn.arrays import Array, Float, Int, array_namespace, take_rows
from ..nn.module import module, static
from .environment import EnvironmentRows
from .repinit import RepinitProgram, SumVJP, radial
from .three_body import MeanVJP, ThreeBodyProgram


@module
class Expansion:
    """Coefficients C on the interval of s from `low` to `high`: the terms of one factor, then those of the next."""

    coefficients: Float[Array, "own channel factor*term"]
    terms: int = static()
    low: float = static()
    high: float = static()
    switched: bool = static()
    types: int = static()

    def moments_vjp(
        self, s: Float[Array, "atom point"], values: Float[Array, "atom point value"]
    ) -> tuple[Array, Callable[[Array], tuple[Array, Array]]]:
        """Σ_points T_n(s) values (atom, term, value); `pull` gives (ds, dvalues)."""
        xp = array_namespace(s)
        u = (s - 0.5 * (self.low + self.high)) * (2.0 / (self.high - self.low))
        t = xp.stack(chebyshev(u, self.terms), axis=1)

        def pull_back(dmoments: Array) -> tuple[Array, Array]:
            dt = dmoments @ values.mT
            du = 0.0 * u
            for n, slope in enumerate(second_kind(u, self.terms - 1), start=1):
                du = du + n * dt[:, n, :] * slope
            return du * (2.0 / (self.high - self.low)), t.mT @ dmoments

        return t @ values, pull_back

    def factors(self, kinds: Float[Array, "*axes kind"], switch: Float[Array, "*axes"]) -> Array:
        """The factors of T_n: 1 for the kind of neighbour, 0 for others; (1, ρ · those) where types enter as a gate."""
        xp = array_namespace(switch)
        if not self.switched:
            return kinds
        return xp.concat([xp.ones_like(kinds[..., :1]), kinds * switch[..., None]], axis=-1)

    def pull_factors(self, dfactors: Float[Array, "*axes factor"], kinds: Float[Array, "*axes kind"]) -> Array:
        """The cotangent of the switch from that of the factors."""
        xp = array_namespace(kinds)
        if not self.switched:
            return xp.zeros_like(kinds[..., 0])
        return xp.sum(dfactors[..., 1:] * kinds, axis=-1)


def chebyshev(u: Float[Array, "*axes"], terms: int) -> list[Array]:
    """The first Chebyshev polynomials of the first kind, T_0, T_1, …"""
    t = [0.0 * u + 1.0, u]
    while len(t) < terms:
        t.append(2.0 * u * t[-1] - t[-2])
    return t[:terms]


def second_kind(u: Float[Array, "*axes"], terms: int) -> list[Array]:
    """The first Chebyshev polynomials of the second kind, U_0, U_1, …, with T_n′ = n U_{n-1}."""
    t = [0.0 * u + 1.0, 2.0 * u]
    while len(t) < terms:
        t.append(2.0 * u * t[-1] - t[-2])
    return t[:terms]


def one_hot(types: Int[Array, "*axes"], count: int, like: Float[Array, "..."]) -> Float[Array, "*axes type"]:
    """1 at the place of each type, 0 elsewhere."""
    xp = array_namespace(like)
    return xp.stack([xp.astype(types == t, like.dtype) for t in range(count)], axis=-1)


@module
class ExpandedRepinit(RepinitProgram):
    """repinit with its embedding net expanded."""

    expansion: Expansion

    def sum_vjp(self, slots: EnvironmentRows, own: Int[Array, "atom"], counted: Float[Array, "atom slot 4"]) -> SumVJP:
        xp = array_namespace(counted)
        atoms, points, e = counted.shape[0], counted.shape[1], self.expansion
        kinds = one_hot(slots.types, e.types, counted)
        factors = e.factors(kinds, slots.switch)
        values = xp.reshape(factors[..., None] * counted[:, :, None, :], (atoms, points, -1))
        moments, pull_moments = e.moments_vjp(slots.rows[..., 0], values)
        moments = xp.permute_dims(xp.reshape(moments, (atoms, e.terms, -1, 4)), (0, 2, 1, 3))
        spread = take_rows(e.coefficients, own)

        def pull_back(dx: Array) -> tuple[Array, Array, Array]:
            dmoments = xp.reshape(spread.mT @ dx, moments.shape)
            ds, dvalues = pull_moments(xp.reshape(xp.permute_dims(dmoments, (0, 2, 1, 3)), (atoms, e.terms, -1)))
            dvalues = xp.reshape(dvalues, (atoms, points, -1, 4))
            dswitch = e.pull_factors(xp.sum(dvalues * counted[:, :, None, :], axis=-1), kinds)
            return xp.sum(dvalues * factors[..., None], axis=2), radial(ds), dswitch

        return spread @ xp.reshape(moments, (atoms, -1, 4)), pull_back


@module
class ExpandedThreeBody(ThreeBodyProgram):
    """The three-body block with its embedding net expanded; pairs of types are the kinds of a pair of neighbours."""

    expansion: Expansion

    def mean_vjp(
        self,
        kappa: Float[Array, "atom slot slot"],
        types: Int[Array, "atom slot"],
        both: Float[Array, "atom slot slot"],
        share: Float[Array, "atom slot slot"] | float,
    ) -> MeanVJP:
        xp = array_namespace(kappa)
        atoms, slots, e = kappa.shape[0], kappa.shape[1], self.expansion
        pair = types[:, :, None] * e.types + types[:, None, :]
        kinds = one_hot(pair, e.types**2, kappa)
        factors = xp.reshape(e.factors(kinds, both), (atoms, slots * slots, -1))
        counted = xp.reshape(kappa * share, (atoms, -1, 1))
        moments, pull_moments = e.moments_vjp(xp.reshape(kappa, (atoms, -1)), factors * counted)
        spread = e.coefficients[0, ...]

        def pull_back(dd: Array) -> tuple[Array, Array]:
            dmoments = xp.permute_dims(xp.reshape(dd @ spread, (atoms, -1, e.terms)), (0, 2, 1))
            ds, dvalues = pull_moments(dmoments)
            dkappa = xp.reshape(ds, kappa.shape) + share * xp.reshape(xp.sum(dvalues * factors, axis=-1), kappa.shape)
            dfactors = xp.reshape(dvalues * counted, (*kappa.shape, -1))
            return dkappa, e.pull_factors(dfactors, kinds)

        return xp.reshape(xp.permute_dims(moments, (0, 2, 1)), (atoms, -1)) @ spread.T, pull_back
