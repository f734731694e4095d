"""Mistakes in layers, activations and norms (specification section 3)."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from ...descriptor.type_embedding import TypeEmbedding
from ...nn.layers import Dense, LayerNorm
from ...nn.module import map_modules, recast
from .cause import Cause, Change, at, chain, each, fields, swap

BLOCKS = ("descriptor.repinit", "descriptor.three_body")  # the blocks that have embedding nets


class WithoutSkip(Dense):
    """A layer without a skip connection."""

    copies = 0


class WithoutDoubledSkip(Dense):
    """A layer with a skip connection only where the width stays."""

    @property
    def copies(self) -> int:
        return int(self.weight.shape[0] == self.weight.shape[1])


class TypesWithoutSkip(TypeEmbedding):
    """A type embedding without a skip connection."""

    def layer(self):
        return recast(super().layer(), WithoutSkip)


class TypesWithoutDoubledSkip(TypeEmbedding):
    """A type embedding with a skip connection only where the width stays."""

    def layer(self):
        return recast(super().layer(), WithoutDoubledSkip)


def in_embedding_nets(change: Change) -> Change:
    """Return the change of the blocks that have embedding nets."""
    return chain(*(at(block, change) for block in BLOCKS))


without_skip = swap(Dense, WithoutSkip)
without_timestep = each(Dense, fields(timestep=None))


def with_activations(change) -> Change:
    """Return the change of all activations; `change` maps their names to names or functions."""

    def changed(part):
        return dataclasses.replace(part, activation=change(part.activation)) if hasattr(part, "activation") else part

    return lambda tree: map_modules(changed, tree)


def by_erf(x: np.ndarray):
    """Return x Φ(x), the exact form of gelu, and the pullback."""
    above = 0.5 * (1.0 + erf(x / math.sqrt(2.0)).astype(x.dtype))
    return x * above, lambda dy: dy * (above + x * np.exp(-x * x / 2.0) / math.sqrt(2.0 * math.pi))


erf = np.vectorize(math.erf, otypes=[float])


def gelu_by_erf(name):
    """Return the exact form for the names of the tanh form."""
    return by_erf if str(name).lower() in ("gelu", "gelu_tf") else name


def silu_for_silut(name):
    """Return silu for the names of silut."""
    return "silu" if str(name).lower().partition(":")[0] in ("silut", "custom_silu") else name


def plain(norm: LayerNorm) -> LayerNorm:
    """Return a norm without scale and shift."""
    return dataclasses.replace(norm, weight=np.ones_like(norm.weight), bias=np.zeros_like(norm.bias))


CAUSES = (
    Cause(
        "skip-missing",
        "layers whose width stays or doubles have no skip connection",
        "3.2, trap T9",
        weights=chain(without_skip, swap(TypeEmbedding, TypesWithoutSkip)),
    ),
    Cause(
        "embedding-skip-missing",
        "embedding nets alone: layers whose width stays or doubles have no skip connection",
        "3.2, trap T9",
        weights=in_embedding_nets(without_skip),
    ),
    Cause(
        "fitting-skip-missing",
        "fitting net alone: layers whose width stays or doubles have no skip connection",
        "3.2, trap T9",
        weights=at("fitting", without_skip),
    ),
    Cause(
        "doubled-skip-missing",
        "layers whose width doubles have no skip connection",
        "3.2, trap T9",
        weights=chain(swap(Dense, WithoutDoubledSkip), swap(TypeEmbedding, TypesWithoutDoubledSkip)),
    ),
    Cause("timestep-ignored", "`resnet_dt`: the timestep is ignored", "3.2", weights=without_timestep),
    Cause(
        "embedding-timestep-ignored",
        "embedding nets alone: `resnet_dt`: the timestep is ignored",
        "3.2",
        weights=in_embedding_nets(without_timestep),
    ),
    Cause(
        "fitting-timestep-ignored",
        "fitting net alone: `resnet_dt`: the timestep is ignored",
        "3.2",
        weights=at("fitting", without_timestep),
    ),
    Cause(
        "gelu-erf",
        "gelu by the error function, not by tanh",
        "3.3, trap T20",
        weights=with_activations(gelu_by_erf),
    ),
    Cause(
        "silut-is-silu",
        "silut: silu above the threshold, too",
        "3.3, trap T19",
        weights=with_activations(silu_for_silut),
    ),
    Cause("norm-plain", "layer norm without its scale and shift", "3.4", weights=each(LayerNorm, plain)),
)
