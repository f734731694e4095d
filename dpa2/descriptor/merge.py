"""The merged update of f: several inputs side by side through one layer (specification section 8.5)."""

from __future__ import annotations

from typing import Any, ClassVar

from ..nn.activations import activation
from ..nn.arrays import array_namespace
from ..nn.layers import Linear
from ..nn.module import module
from ..nn.record import Intermediate, record
from ..nn.roles import inline, static
from .features import Features, Sums, UpdateVJP
from .term import Term, TermContext


@module
class Merge(Term):
    """The weights of the merged update."""

    name: ClassVar[str] = "merge"
    updated = ("atom",)
    intermediates = (Intermediate("g1_mlp", "atom f", "8.5"),)

    linear: Linear = inline()
    activation: str = static()

    @classmethod
    def exists(cls, settings: Any, last: bool) -> bool:
        return True

    @classmethod
    def build(cls, context: TermContext) -> Merge:
        s = context.settings
        return cls(Linear.build(context.take, context.merged_width, s.atom_dim), s.activation)

    def fold(self, inputs: tuple[Term, ...]) -> MergedUpdate:
        return MergedUpdate(inputs, self.linear, self.activation)


@module
class MergedUpdate:
    """φ([inputs side by side] W + b)"""

    inputs: tuple[Term, ...]
    linear: Linear
    activation: str = static()

    def vjp(self, x: Features, sums: Sums) -> UpdateVJP:
        xp = array_namespace(x.atom)
        parts, pulls = zip(*(part.vjp(x, sums) for part in self.inputs), strict=True)
        z, pull_linear = self.linear.vjp(xp.concat(parts, axis=-1))
        y, pull_activation = activation(self.activation)(z)
        record("g1_mlp", y)

        def pull_back(dy: Features) -> Features:
            dz, dx, start = pull_linear(pull_activation(dy.atom)), Features(), 0
            for part, pull in zip(parts, pulls, strict=True):
                dx = dx + pull(dz[:, start : start + part.shape[1]])
                start += part.shape[1]
            return dx

        return Features(atom=y), pull_back
