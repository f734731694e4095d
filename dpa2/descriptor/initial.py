"""The initial representations: f from repinit, g and h from the environment (specification sections 7 and 8.1)."""

from __future__ import annotations

import dataclasses

from ..nn.activations import activation
from ..nn.arrays import Array, Float, array_namespace, take_rows
from ..nn.layers import Linear
from ..nn.module import module, static
from ..nn.record import record
from .chunk import Block, add_leading
from .environment import Environment, Neighborhood
from .features import Features, Sums
from .repinit import Repinit
from .three_body import ThreeBody
from .weighting import Counted, Smooth


@module
class InitialPairs:
    """g = φ(ξ W + b) and h, from the environment row or straight from the distance (`direct`)."""

    environment: Environment
    embedding: Linear
    weighting: Smooth | Counted = static()
    direct: bool = static()
    activation: str = static()

    def fold(self) -> InitialPairs:
        return dataclasses.replace(self, environment=self.environment.fold())

    def sums(self, block: Block) -> Sums:
        """What sums over the neighbours of a block are divided by."""
        return Sums(*self.weighting.scales(self.hood(block).occupied))

    def hood(self, block: Block) -> Neighborhood:
        """The neighbourhood within the repformer's cutoff."""
        return block.nearest(block.repformer_width, block.repformer_count, self.environment.capacity)

    def linearize(self, hood: Neighborhood):
        """`Features` with pair, frame and weight; the pullback gives dvectors."""
        xp = array_namespace(hood.vectors)
        (rows, switch), pull_env = self.environment.linearize(hood.types, hood.vectors)
        weight, pull_weight = self.weighting.weight(switch, hood.occupied)
        scalar, frame, pull_direct = self.direct_distance(hood) if self.direct else (rows[..., 0], rows[..., 1:], None)
        z, pull_linear = self.embedding.linearize(scalar[..., None])
        pair, pull_activation = activation(self.activation)(z)
        self.record(hood, rows, switch, pair, frame)

        def pull_back(dx: Features):
            dscalar = pull_linear(pull_activation(dx.pair))
            dswitch = pull_weight(dx.weight)
            if pull_direct is not None:
                return pull_direct(dscalar, dx.frame) + pull_env(xp.zeros_like(rows), dswitch)
            return pull_env(xp.concat([dscalar, dx.frame], axis=-1), dswitch)

        return Features(pair=pair, frame=frame, weight=weight), pull_back

    def direct_distance(self, hood: Neighborhood):
        """ξ = r / cutoff and h = d / cutoff, zero on empty slots, and the pullback."""
        xp = array_namespace(hood.vectors)
        scale = hood.occupied / self.environment.cutoff
        r = xp.sqrt(xp.sum(hood.vectors * hood.vectors, axis=-1))

        def pull_back(dscalar, dframe):
            return (scale / r)[..., None] * dscalar * hood.vectors + scale[..., None] * dframe

        return scale * r, scale[..., None] * hood.vectors, pull_back

    def record(self, hood, rows, switch, pair, frame):
        record("repformer/sw", switch * hood.occupied)
        record("repformer/env_mat", rows)
        record("repformer/g2_0", pair)
        record("repformer/h2_0", frame)


@module
class Initial:
    """Everything before the first layer, for one block of atoms."""

    repinit: Repinit
    three_body: ThreeBody | None
    shape_transform: Linear | None
    type_offset: Float[Array, "type f"] | None
    pairs: InitialPairs
    activation: str = static()

    def linearize(self, block: Block):
        """The features with which a block starts, and the pullback to the vectors of its edges."""
        two_body = block.nearest(block.near.shape[1], block.repinit_count, self.repinit.environment.capacity)
        atom, pull_atom = self.linearize_atoms(block, two_body)
        pairs, pull_pairs = self.pairs.linearize(self.pairs.hood(block))

        def pull_back(dx: Features):
            return add_leading(pull_atom(dx.atom), pull_pairs(dx))

        return pairs + Features(atom=atom), pull_back

    def linearize_atoms(self, block: Block, two_body: Neighborhood):
        """f = φ([two-body | three-body] W [+ type])"""
        xp = array_namespace(block.vectors)
        d, pull_d = self.repinit.linearize(two_body)
        width = d.shape[1]
        if self.three_body is not None:
            capacity = self.three_body.environment.capacity
            d3, pull_d3 = self.three_body.linearize(
                block.nearest(block.three_body_width, block.three_body_count, capacity)
            )
            d = xp.concat([d, d3], axis=-1)
        record("repinit/out", d)
        y, pull_y = (d, lambda dy: dy) if self.shape_transform is None else self.shape_transform.linearize(d)
        record("g1_shape_transform", y)
        if self.type_offset is not None:
            y = y + take_rows(self.type_offset, block.types)
        f, pull_f = activation(self.activation)(y)
        record("g1_init", y)
        record("repformer/g1_0", f)

        def pull_back(df):
            dd = pull_y(pull_f(df))
            dvectors = pull_d(dd[:, :width])
            return dvectors if self.three_body is None else add_leading(dvectors, pull_d3(dd[:, width:]))

        return f, pull_back
