"""Neighbours' f, weighted channel by channel with what the pair knows (specification section 8.5, conv)."""

from __future__ import annotations

from ..nn.arrays import array_namespace
from ..nn.layers import Linear
from ..nn.module import module
from ..nn.record import record
from .features import Features, Sums


@module
class Convolution:
    """η Σ_a (ω_a g_a P) ∘ f_a, as wide as f."""

    project: Linear

    def vjp(self, x: Features, sums: Sums):
        xp = array_namespace(x.pair)
        factor = (x.switch * sums.mean)[..., None]
        kernel = (x.pair * factor) @ self.project.weight
        y = xp.sum(kernel * x.near, axis=1)
        record("g1_conv", y)

        def pull_back(dy):
            dscaled = (dy[:, None, :] * x.near) @ self.project.weight.T
            dswitch = xp.sum(dscaled * x.pair, axis=-1) * sums.mean
            return Features(near=dy[:, None, :] * kernel, pair=dscaled * factor, switch=dswitch)

        return y, pull_back


@module
class NarrowConvolution:
    """η Σ_a ω_a g_a ∘ (f_a P), as wide as g."""

    project: Linear

    def vjp(self, x: Features, sums: Sums):
        xp = array_namespace(x.pair)
        factor = (x.switch * sums.mean)[..., None]
        projected = x.near @ self.project.weight
        y = xp.sum(x.pair * factor * projected, axis=1)
        record("g1_conv", y)

        def pull_back(dy):
            dpair = dy[:, None, :] * projected
            dnear = (dy[:, None, :] * x.pair * factor) @ self.project.weight.T
            dswitch = xp.sum(dpair * x.pair, axis=-1) * sums.mean
            return Features(near=dnear, pair=dpair * factor, switch=dswitch)

        return y, pull_back
