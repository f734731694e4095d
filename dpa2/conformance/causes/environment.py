"""Mistakes in the environment matrix (specification section 2)."""

from __future__ import annotations

import dataclasses

import numpy as np

from ...descriptor.environment import Environment, EnvironmentProgram
from .cause import Cause, at, chain, put, swap


def fraction(environment: EnvironmentProgram, r: np.ndarray) -> np.ndarray:
    """Return u = (r - inner) / (outer - inner), not clipped."""
    return (r - environment.inner_cutoff) / (environment.cutoff - environment.inner_cutoff)


class CubicSwitch(EnvironmentProgram):
    """The switch w = 1 - 3u² + 2u³."""

    def switch_vjp(self, r):
        u = np.clip(fraction(self, r), 0.0, 1.0)
        return 1.0 - u * u * (3.0 - 2.0 * u), None


class CosineSwitch(EnvironmentProgram):
    """The switch w = (1 + cos πu) / 2."""

    def switch_vjp(self, r):
        return (1.0 + np.cos(np.pi * np.clip(fraction(self, r), 0.0, 1.0))) / 2.0, None


class UnclippedSwitch(EnvironmentProgram):
    """The correct polynomial, applied also where u is below 0 or above 1."""

    def switch_vjp(self, r):
        u = fraction(self, r)
        return 1.0 - u**3 * (10.0 - 15.0 * u + 6.0 * u**2), None


class HardCutoff(EnvironmentProgram):
    """The switch w = 1 up to the cutoff."""

    def switch_vjp(self, r):
        return np.where(r < self.cutoff, 1.0, 0.0).astype(r.dtype), None


class SquaredSwitch(EnvironmentProgram):
    """The square of the switch."""

    def switch_vjp(self, r):
        w, _ = super().switch_vjp(r)
        return w * w, None


class OtherDirection(EnvironmentProgram):
    """Rows whose direction is multiplied with a factor before it is normalised."""

    def vjp(self, types, vectors):
        (rows, w), _ = super().vjp(types, vectors)
        mean, std = self.mean[types][:, None, 1:], self.std[types][:, None, 1:]
        direction = (rows[..., 1:] * std + mean) * self.factor(np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True)))
        return (np.concatenate([rows[..., :1], (direction - mean) / std], axis=-1), w), None

    def factor(self, r):
        """Return the factor at distance r."""
        raise NotImplementedError


class ReversedDirection(OtherDirection):
    """Rows with vectors from the neighbour to the centre."""

    def factor(self, r):
        return -1.0


class DirectionOnceDivided(OtherDirection):
    """Rows (w/r, w d/r), in which the vector is divided by the distance once."""

    def factor(self, r):
        return r + self.protection


def without_mean(environment: Environment) -> Environment:
    """Return an environment that divides rows by dstd, but does not subtract davg."""
    return dataclasses.replace(environment, mean=np.zeros_like(environment.mean))


def without_statistics(environment: Environment) -> Environment:
    """Return an environment that does not normalise rows."""
    return dataclasses.replace(without_mean(environment), std=np.ones_like(environment.std))


REPINIT = "descriptor.repinit.environment"
THREE_BODY = "descriptor.three_body.environment"
REPFORMER = "descriptor.repformer.environment"


def everywhere(change):
    """Return the change of the environments of all blocks."""
    return chain(*(at(block, change) for block in (REPINIT, THREE_BODY, REPFORMER)))


CAUSES = (
    Cause("switch-cubic", "the switch is a cubic, 1 - 3u² + 2u³", "2.1", program=swap(EnvironmentProgram, CubicSwitch)),
    Cause(
        "switch-cosine",
        "the switch is half of a cosine, (1 + cos πu) / 2",
        "2.1",
        program=swap(EnvironmentProgram, CosineSwitch),
    ),
    Cause(
        "switch-unclipped",
        "the switch is not 1 below its inner cutoff, but follows the polynomial",
        "2.1",
        program=swap(EnvironmentProgram, UnclippedSwitch),
    ),
    Cause(
        "switch-hard",
        "the switch is 1 up to the cutoff (a hard cutoff)",
        "2.1",
        program=swap(EnvironmentProgram, HardCutoff),
    ),
    Cause("switch-squared", "the switch is squared", "2.1", program=swap(EnvironmentProgram, SquaredSwitch)),
    Cause(
        "direction-reversed",
        "vectors point from the neighbour to the centre: the direction has the opposite sign",
        "2.3",
        program=swap(EnvironmentProgram, ReversedDirection),
    ),
    Cause(
        "direction-divided-once",
        "the vector is divided by r once, not by r²",
        "2.3",
        program=swap(EnvironmentProgram, DirectionOnceDivided),
    ),
    Cause("statistics-ignored", "davg and dstd are ignored", "2.3", weights=everywhere(without_statistics)),
    Cause(
        "statistics-ignored-in-repinit",
        "repinit alone: davg and dstd are ignored",
        "2.3",
        weights=at(REPINIT, without_statistics),
    ),
    Cause(
        "statistics-ignored-in-three-body",
        "three-body alone: davg and dstd are ignored",
        "2.3",
        weights=at(THREE_BODY, without_statistics),
    ),
    Cause(
        "statistics-ignored-in-repformer",
        "repformer alone: davg and dstd are ignored",
        "2.3",
        weights=at(REPFORMER, without_statistics),
    ),
    Cause("mean-ignored", "davg is not subtracted", "2.3", weights=everywhere(without_mean)),
    Cause("protection-ignored", "`env_protection` is ignored", "2.3", config=put("protection", 0.0)),
    Cause("exclusion-ignored", "`exclude_types` of the descriptor is ignored", "2.5", config=put("excluded_pairs", ())),
)
