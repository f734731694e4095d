"""Mistakes in the heads beside the energy (specification section 21)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...fitting.atomic_model import AtomicProgram
from ...fitting.invariants import InvariantReadout
from ...fitting.polarizability import DiagonalReadout, PolarizabilityReadout
from .cause import Cause, each, swap


class BiasBeforeDeviation(InvariantReadout):
    """y = (o + b) σ"""

    def vjp(self, o, rotation, types):
        y = o + self.bias[types]
        y = y if self.scale is None else y * self.scale[types]
        return (y[:, 0] if self.alone else y), None


def net_bias_after_deviation(program: AtomicProgram) -> AtomicProgram:
    """Return a program of a property with y = o σ + b_net + b; that of another head stays as it is."""
    head = program.head
    readout, net = head.readout, head.fitting
    if not isinstance(readout, InvariantReadout) or readout.scale is None:
        return program
    readout = replace(readout, bias=readout.bias + net.bias)
    head = replace(head, readout=readout, fitting=replace(net, bias=0.0 * net.bias))
    return replace(program, head=head)


class NotHalved(PolarizabilityReadout):
    """α = s Rᵀ (M + Mᵀ) R + a 1"""

    def mixed(self, o, x):
        whole = 1.0 if isinstance(self, DiagonalReadout) else 2.0
        return whole * super().mixed(o, x)


class Product(PolarizabilityReadout):
    """α = s Rᵀ M Mᵀ R + a 1"""

    def mixed(self, o, x):
        if isinstance(self, DiagonalReadout):
            return super().mixed(o, x)
        m = np.reshape(o, (len(o), x.shape[1], x.shape[1]))
        return m @ (m.mT @ x)


def without_scale(readout: PolarizabilityReadout) -> PolarizabilityReadout:
    """Return the readout with the shift as if the scale were 1."""
    return replace(readout, shift=readout.shift / readout.scale)


def without_shift(readout: PolarizabilityReadout) -> PolarizabilityReadout:
    """Return the readout without a shift."""
    return replace(readout, shift=0.0 * readout.shift)


CAUSES = (
    Cause(
        "bias-before-deviation",
        "a property is multiplied by `out_std` after `out_bias` is added, not before",
        "21.1",
        program=swap(InvariantReadout, BiasBeforeDeviation),
    ),
    Cause(
        "net-bias-after-deviation",
        "`bias_atom_e` of a property is added after the multiplication by `out_std`, not before",
        "21.1",
        program=net_bias_after_deviation,
    ),
    Cause(
        "polarizability-not-halved",
        "M + Mᵀ stands for ½ (M + Mᵀ)",
        "21.3",
        program=swap(PolarizabilityReadout, NotHalved),
    ),
    Cause("polarizability-product", "M Mᵀ stands for ½ (M + Mᵀ)", "21.3", program=swap(PolarizabilityReadout, Product)),
    Cause(
        "shift-without-scale",
        "the shift of a polarizability is not multiplied by `scale`",
        "21.3",
        program=each(PolarizabilityReadout, without_scale),
    ),
    Cause(
        "polarizability-shift-missing",
        "`shift_diag` is ignored",
        "21.3",
        program=each(PolarizabilityReadout, without_shift),
    ),
)
