"""The small terms of a repformer layer: f itself, the two MLPs, and products of f (specification sections 8.5, 8.6)."""

from __future__ import annotations

from typing import Any, ClassVar

from ..nn.activations import activation
from ..nn.arrays import array_namespace
from ..nn.layers import Linear
from ..nn.module import module
from ..nn.record import Intermediate, record
from ..nn.roles import inline, static
from .features import Features, InputVJP, Sums, UpdateVJP
from .term import Term, TermContext


@module
class OwnFeatures(Term):
    """f itself, where the merged update takes it in."""

    name: ClassVar[str] = "own"

    @classmethod
    def exists(cls, settings: Any, last: bool) -> bool:
        return not settings.separate_mlp

    @classmethod
    def width(cls, settings: Any) -> int:
        return settings.atom_dim

    @classmethod
    def build(cls, context: TermContext) -> OwnFeatures:
        return cls()

    def vjp(self, x: Features, sums: Sums) -> InputVJP:
        return x.atom, lambda dy: Features(atom=dy)


@module
class MLP(Term):
    """φ(x W + b) of one representation, f (`atom`) or g (`pair`)."""

    linear: Linear = inline()
    activation: str = static()

    def vjp(self, x: Features, sums: Sums) -> UpdateVJP:
        (of,) = self.updated
        z, pull_linear = self.linear.vjp(getattr(x, of))
        y, pull = activation(self.activation)(z)
        record(self.intermediates[0].name, y)
        return Features(**{of: y}), lambda dy: Features(**{of: pull_linear(pull(getattr(dy, of)))})


@module
class AtomMLP(MLP):
    """The update of f by its own MLP."""

    name: ClassVar[str] = "mlp"
    updated = ("atom",)
    intermediates = (Intermediate("g1_self_mlp", "atom f", "8.5"),)

    @classmethod
    def exists(cls, settings: Any, last: bool) -> bool:
        return settings.separate_mlp

    @classmethod
    def build(cls, context: TermContext) -> AtomMLP:
        s = context.settings
        return cls(Linear.build(context.take, s.atom_dim, s.atom_dim), s.activation)


@module
class PairMLP(MLP):
    """The update of g by its own MLP."""

    name: ClassVar[str] = "pair_mlp"
    updated = ("pair",)
    intermediates = (Intermediate("g2_mlp", "atom rf g", "8.6"),)

    @classmethod
    def exists(cls, settings: Any, last: bool) -> bool:
        return not last

    @classmethod
    def build(cls, context: TermContext) -> PairMLP:
        s = context.settings
        return cls(Linear.build(context.take, s.pair_dim, s.pair_dim), s.activation)


@module
class PairProduct(Term):
    """The update of g by products of f: (ω_a f_i ∘ f_a) P."""

    name: ClassVar[str] = "pair_product"
    updated = ("pair",)
    intermediates = (Intermediate("g2_g1g1", "atom rf g", "8.6"),)

    project: Linear = inline()

    @classmethod
    def exists(cls, settings: Any, last: bool) -> bool:
        return settings.pair_product and not last

    @classmethod
    def build(cls, context: TermContext) -> PairProduct:
        s = context.settings
        return cls(Linear.build(context.take, s.atom_dim, s.pair_dim, bias=False))

    def vjp(self, x: Features, sums: Sums) -> UpdateVJP:
        xp = array_namespace(x.near)
        projected = (x.atom[:, None, :] * x.near) @ self.project.weight
        y = x.switch[..., None] * projected
        record("g2_g1g1", y)

        def pull_back(dy: Features) -> Features:
            dproduct = (x.switch[..., None] * dy.pair) @ self.project.weight.T
            return Features(
                atom=xp.sum(dproduct * x.near, axis=1),
                near=dproduct * x.atom[:, None, :],
                switch=xp.sum(dy.pair * projected, axis=-1),
            )

        return Features(pair=y), pull_back
