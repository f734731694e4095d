"""The repformer layer: one step of message passing, (f, g, h) → (f′, g′, h′) (specification section 8).

All updates read the layer's input. An update that the configuration turns off is not in the tree.
"""

from __future__ import annotations

from ..nn.activations import activation
from ..nn.arrays import Array, Float, array_namespace
from ..nn.layers import Linear
from ..nn.module import module, static
from ..nn.record import record
from .convolution import Convolution, NarrowConvolution
from .features import Features, Sums
from .local_attention import LocalAttention, LocalUpdate
from .pair_attention import PairAttention, PairUpdate
from .symmetrization import Symmetrization


@module
class MLP:
    """φ(x W + b) of one representation, f (`atom`) or g (`pair`)."""

    linear: Linear
    activation: str = static()
    of: str = static()

    def vjp(self, x: Features, sums: Sums):
        z, pull_linear = self.linear.vjp(getattr(x, self.of))
        y, pull = activation(self.activation)(z)
        record({"atom": "g1_self_mlp", "pair": "g2_mlp"}[self.of], y)
        return Features(**{self.of: y}), lambda dy: Features(**{self.of: pull_linear(pull(getattr(dy, self.of)))})


@module
class OwnFeatures:
    """f itself, where the merged update takes it in."""

    def vjp(self, x: Features, sums: Sums):
        return x.atom, lambda dy: Features(atom=dy)


@module
class ConvolutionUpdate:
    """The convolution as an update of f in its own right."""

    convolution: Convolution

    def vjp(self, x: Features, sums: Sums):
        y, pull = self.convolution.vjp(x, sums)
        return Features(atom=y), lambda dy: pull(dy.atom)


@module
class MergedUpdate:
    """φ([inputs side by side] W + b)"""

    inputs: tuple[OwnFeatures | NarrowConvolution | Symmetrization, ...]
    linear: Linear
    activation: str = static()

    def vjp(self, x: Features, sums: Sums):
        xp = array_namespace(x.atom)
        parts, pulls = zip(*(part.vjp(x, sums) for part in self.inputs), strict=True)
        z, pull_linear = self.linear.vjp(xp.concat(parts, axis=-1))
        y, pull_activation = activation(self.activation)(z)
        record("g1_mlp", y)

        def pull_back(dy):
            dz, dx, start = pull_linear(pull_activation(dy.atom)), Features(), 0
            for part, pull in zip(parts, pulls, strict=True):
                dx = dx + pull(dz[:, start : start + part.shape[1]])
                start += part.shape[1]
            return dx

        return Features(atom=y), pull_back


@module
class PairProduct:
    """(ω_a f_i ∘ f_a) P"""

    project: Linear

    def vjp(self, x: Features, sums: Sums):
        xp = array_namespace(x.near)
        projected = (x.atom[:, None, :] * x.near) @ self.project.weight
        y = x.switch[..., None] * projected
        record("g2_g1g1", y)

        def pull_back(dy):
            dproduct = (x.switch[..., None] * dy.pair) @ self.project.weight.T
            return Features(
                atom=xp.sum(dproduct * x.near, axis=1),
                near=dproduct * x.atom[:, None, :],
                switch=xp.sum(dy.pair * projected, axis=-1),
            )

        return Features(pair=y), pull_back


@module
class Residual:
    """u′ = keep · u + Σ_k scale_k ∘ u_k; without trained scales one `share` serves all updates (section 8.3)."""

    scales: tuple[Float[Array, "channel"], ...]
    keep: float = static(default=1.0)
    share: float = static(default=1.0)

    def scale(self, k: int):
        """What the k-th update is multiplied with."""
        return self.scales[k] if self.scales else self.share

    def carry(self, old):
        """What stays of u."""
        return old if self.keep == 1.0 else self.keep * old

    def combine(self, old, updates):
        """u′ from u and its updates."""
        new = self.carry(old)
        for k, update in enumerate(updates):
            new = new + self.scale(k) * update
        return new


UPDATED = ("atom", "pair", "direction")


@module
class RepformerStep:
    """A layer ready to run: its updates in order, and how each representation takes them in."""

    updates: tuple[MLP | ConvolutionUpdate | MergedUpdate | LocalUpdate | PairProduct | PairUpdate, ...]
    atom: Residual
    pair: Residual
    direction: Residual

    def vjp(self, x: Features, sums: Sums):
        """The new (f, g, h); the pullback gives cotangents of f, of the neighbours' f, of g, h and of the weights."""
        record("g1_nei", x.near)
        updates, pull_back = self.updates_vjp(x, sums)
        new = {n: getattr(self, n).combine(getattr(x, n), present(updates, n)) for n in UPDATED}
        record("g1", new["atom"])
        record("g2", new["pair"])
        record("h2", new["direction"])
        return Features(atom=new["atom"], pair=new["pair"], direction=new["direction"], switch=x.switch), pull_back

    def pullback(self, x: Features, sums: Sums):
        """The pullback alone, where the new (f, g, h) are known already."""
        return self.updates_vjp(x, sums)[1]

    def updates_vjp(self, x: Features, sums: Sums):
        """The updates, and the pullback from what becomes of all of them."""
        updates, pulls = zip(*(update.vjp(x, sums) for update in self.updates), strict=True)

        def pull_back(dy: Features) -> Features:
            dx = Features(switch=dy.switch, **{n: getattr(self, n).carry(getattr(dy, n)) for n in UPDATED})
            place = dict.fromkeys(UPDATED, 0)
            for update, pull in zip(updates, pulls, strict=True):
                named = [n for n in UPDATED if getattr(update, n) is not None]
                dx = dx + pull(Features(**{n: getattr(self, n).scale(place[n]) * getattr(dy, n) for n in named}))
                place |= {n: place[n] + 1 for n in named}
            return dx

        return updates, pull_back


def present(updates, name: str) -> list:
    """What the updates say about one representation."""
    return [getattr(update, name) for update in updates if getattr(update, name) is not None]


@module
class RepformerLayer:
    """The weights of one layer, under the names that tensors have."""

    mlp: Linear | None
    convolution: Convolution | NarrowConvolution | None
    merge: Linear
    local_attention: LocalAttention | None
    pair_mlp: Linear | None
    pair_product: Linear | None
    pair_attention: PairAttention | None
    atom_scale: tuple[Float[Array, "f"], ...]
    pair_scale: tuple[Float[Array, "g"], ...]
    frame_scale: tuple[Float[Array, "1"], ...]
    residual: str = static()
    activation: str = static()
    pair_axis: int | None = static()
    neighbor_axis: int | None = static()

    def fold(self) -> RepformerStep:
        """The updates that this layer has, in the order of section 8.2."""
        pairs = tuple(self.pair_updates())
        n_pair = sum(not isinstance(u, PairUpdate) or self.pair_attention.value is not None for u in pairs)
        n_frame = int(self.pair_attention is not None and self.pair_attention.mix is not None)
        atoms = tuple(self.atom_updates())
        return RepformerStep(
            updates=atoms + pairs,
            atom=make_residual(self.residual, self.atom_scale, len(atoms)),
            pair=make_residual(self.residual, self.pair_scale, n_pair),
            direction=make_residual(self.residual, self.frame_scale, n_frame),
        )

    def atom_updates(self):
        """Updates of f."""
        if self.mlp is not None:
            yield MLP(self.mlp, self.activation, "atom")
        if isinstance(self.convolution, Convolution):
            yield ConvolutionUpdate(self.convolution)
        yield MergedUpdate(tuple(self.merged_inputs()), self.merge, self.activation)
        if self.local_attention is not None:
            yield self.local_attention.fold()

    def merged_inputs(self):
        """What the merged update sees."""
        if self.mlp is None:
            yield OwnFeatures()
        if isinstance(self.convolution, NarrowConvolution):
            yield self.convolution
        if self.pair_axis is not None:
            yield Symmetrization(self.pair_axis, "pair")
        if self.neighbor_axis is not None:
            yield Symmetrization(self.neighbor_axis, "near")

    def pair_updates(self):
        """Updates of g and h; the last layer has none."""
        if self.pair_mlp is not None:
            yield MLP(self.pair_mlp, self.activation, "pair")
        if self.pair_product is not None:
            yield PairProduct(self.pair_product)
        if self.pair_attention is not None:
            yield self.pair_attention.fold()


def make_residual(style: str, scales: tuple, count: int) -> Residual:
    """How `count` updates are taken in: by average, by increment, or by trained scales."""
    if style == "average":
        return Residual((), keep=(count + 1) ** -0.5, share=(count + 1) ** -0.5)
    if style == "increment":
        return Residual((), share=max(count, 1) ** -0.5)
    return Residual(scales)
