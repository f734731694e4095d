"""Neighbours' f, weighted channel by channel with the pair representation (specification section 8.5, conv)."""

from __future__ import annotations

from typing import Any, ClassVar

from ..nn.arrays import Array, array_namespace
from ..nn.building import below
from ..nn.layers import Linear
from ..nn.module import module
from ..nn.record import Intermediate, record
from .features import Features, InputVJP, Sums, UpdateVJP
from .term import Term, TermContext

RECORDED = (Intermediate("g1_conv", "atom channel", "8.5"),)


@module
class Convolution(Term):
    """The update of f by η Σ_a (ω_a g_a P) ∘ f_a."""

    name: ClassVar[str] = "convolution"
    updated = ("atom",)
    intermediates = RECORDED

    project: Linear

    @classmethod
    def exists(cls, settings: Any, last: bool) -> bool:
        return settings.convolution and settings.separate_convolution

    @classmethod
    def build(cls, context: TermContext) -> Convolution:
        s = context.settings
        return cls(Linear.build(below(context.take, "project"), s.pair_dim, s.atom_dim, bias=False))

    def vjp(self, x: Features, sums: Sums) -> UpdateVJP:
        xp = array_namespace(x.pair)
        factor = (x.switch * sums.convolution)[..., None]
        kernel = (x.pair * factor) @ self.project.weight
        y = xp.sum(kernel * x.near, axis=1)
        record("g1_conv", y)

        def pull_back(dy: Features) -> Features:
            dscaled = (dy.atom[:, None, :] * x.near) @ self.project.weight.T
            dswitch = xp.sum(dscaled * x.pair, axis=-1) * sums.convolution
            return Features(near=dy.atom[:, None, :] * kernel, pair=dscaled * factor, switch=dswitch)

        return Features(atom=y), pull_back


@module
class NarrowConvolution(Term):
    """η Σ_a ω_a g_a ∘ (f_a P), as wide as g, an input of the merged update."""

    name: ClassVar[str] = "convolution"
    intermediates = RECORDED

    project: Linear

    @classmethod
    def exists(cls, settings: Any, last: bool) -> bool:
        return settings.convolution and not settings.separate_convolution

    @classmethod
    def width(cls, settings: Any) -> int:
        return settings.pair_dim

    @classmethod
    def build(cls, context: TermContext) -> NarrowConvolution:
        s = context.settings
        return cls(Linear.build(below(context.take, "project"), s.atom_dim, s.pair_dim, bias=False))

    def vjp(self, x: Features, sums: Sums) -> InputVJP:
        xp = array_namespace(x.pair)
        factor = (x.switch * sums.convolution)[..., None]
        projected = x.near @ self.project.weight
        y = xp.sum(x.pair * factor * projected, axis=1)
        record("g1_conv", y)

        def pull_back(dy: Array) -> Features:
            dpair = dy[:, None, :] * projected
            dnear = (dy[:, None, :] * x.pair * factor) @ self.project.weight.T
            dswitch = xp.sum(dpair * x.pair, axis=-1) * sums.convolution
            return Features(near=dnear, pair=dpair * factor, switch=dswitch)

        return y, pull_back
