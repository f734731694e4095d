"""Mistakes in sums over neighbours: symmetrisation and convolution (specification sections 8.4 and 8.5)."""

from __future__ import annotations

import dataclasses

import numpy as np

from ...descriptor.convolution import Convolution, NarrowConvolution
from ...descriptor.repformer import RepformerStep
from ...descriptor.symmetrization import Symmetrization
from ...descriptor.weighting import PROTECTION, Counted, Smooth
from .cause import Cause, chain, put, swap
from .neighbors import kept, unswitched


class DividedByNeighbors(Smooth):
    """A weighting that divides sums by the number of neighbours."""

    def scales(self, occupied):
        n = occupied.sum(axis=1, keepdims=True) + 1e-30
        return 1.0 / (n**0.5 if self.root else n), 1.0 / n


class RootOfSlots(Smooth):
    """A smooth weighting that divides both sums by the root, if there is one."""

    def scales(self, occupied):
        root, _ = super().scales(occupied)
        return root, root


class RootOfCount(Counted):
    """A counted weighting that divides both sums by the root, if there is one."""

    def scales(self, occupied):
        n = occupied.sum(axis=1, keepdims=True)
        root = 1.0 / (PROTECTION + (n**0.5 if self.root else n))
        return root, root


class Unprotected(Counted):
    """A weighting that divides sums by the number of neighbours, to which nothing is added."""

    def scales(self, occupied):
        n = np.maximum(occupied.sum(axis=1, keepdims=True), 1.0)
        return 1.0 / (n**0.5 if self.root else n), 1.0 / n


class UnswitchedConvolution(Convolution):
    """η Σ_a (g_a P) ∘ f_a over all neighbours, without the switch."""

    def vjp(self, x, sums):
        return super().vjp(unswitched(x), sums)


class UnswitchedNarrowConvolution(NarrowConvolution):
    """η Σ_a g_a ∘ (f_a P) over all neighbours, without the switch."""

    def vjp(self, x, sums):
        return super().vjp(unswitched(x), sums)


class UnswitchedSymmetrization(Symmetrization):
    """Invariants of η Σ_a h_a ⊗ x_a over all neighbours, without the switch."""

    def vjp(self, x, sums):
        return super().vjp(unswitched(x), sums)


class UnswitchedEnd(RepformerStep):
    """A layer after which the switch is 1; after the last layer, only the moment in the rotation matrix uses it."""

    def vjp(self, x, sums):
        new, pull = super().vjp(x, sums)
        return unswitched(new), pull


def unswitched_at_the_end(program):
    """Return a program with a last layer after which the switch is 1."""
    *steps, last = program.descriptor.steps
    descriptor = dataclasses.replace(program.descriptor, steps=(*steps, swap(RepformerStep, UnswitchedEnd)(last)))
    return dataclasses.replace(program, descriptor=descriptor)


class AxisFastest(Symmetrization):
    """Invariants that are flattened with the axis fastest."""

    def invariants_vjp(self, moment):
        flat, pull = super().invariants_vjp(moment)
        return flat.reshape(len(flat), self.axis, -1).swapaxes(1, 2).reshape(flat.shape), pull


class WithoutThird(Symmetrization):
    """Invariants of Hᵀ H, without the factor 1/3."""

    def invariants_vjp(self, moment):
        y, pull = super().invariants_vjp(moment)
        return 3.0 * y, pull


CAUSES = (
    Cause(
        "root-ignored",
        "`use_sqrt_nnei` is ignored: sums are divided by the count, not by its root",
        "8.4",
        config=put("repformer.root_normalization", False),
    ),
    Cause(
        "neighbors-for-slots",
        "sums are divided by the number of neighbours, not by nsel",
        "8.4, trap T2",
        weights=swap(Smooth, DividedByNeighbors),
    ),
    Cause(
        "count-not-protected",
        "not smooth: sums are divided by the number of neighbours, without the 0.0001 added to it",
        "8.4",
        weights=swap(Counted, Unprotected),
    ),
    Cause(
        "moment-not-switched",
        "symmetrisation lacks the switch",
        "8.4",
        weights=kept,
        program=chain(swap(Symmetrization, UnswitchedSymmetrization), unswitched_at_the_end),
    ),
    Cause(
        "third-missing",
        "symmetrisation: the factor 1/3 is missing",
        "8.4, trap T4",
        program=swap(Symmetrization, WithoutThird),
    ),
    Cause(
        "repformer-flatten",
        "symmetrisation: the product is flattened with the axis fastest",
        "8.4, trap T5",
        program=swap(Symmetrization, AxisFastest),
    ),
    Cause(
        "root-in-convolution",
        "`use_sqrt_nnei`: the convolution is divided by a root, too",
        "8.5, trap T10",
        weights=chain(swap(Smooth, RootOfSlots), swap(Counted, RootOfCount)),
    ),
    Cause(
        "convolution-not-switched",
        "the convolution lacks the switch",
        "8.5",
        weights=kept,
        program=chain(swap(Convolution, UnswitchedConvolution), swap(NarrowConvolution, UnswitchedNarrowConvolution)),
    ),
)
