"""The initial representations: f from repinit, g and h from the environment (specification sections 7 and 8.1)."""

from __future__ import annotations

from collections.abc import Callable

from ..nn.activations import activation
from ..nn.arrays import VJP, Array, Float, array_namespace, take_rows
from ..nn.layers import Linear
from ..nn.module import module, static
from ..nn.record import record
from .chunk import Chunk, add_leading
from .environment import EnvironmentProgram, Neighborhood
from .features import Features, Sums
from .repinit import RepinitProgram
from .three_body import ThreeBodyProgram
from .weighting import Counted, Smooth

InitialVJP = tuple[Features, Callable[[Features], Array]]  # features of a chunk, and the pullback to its vectors


@module
class InitialPairs:
    """g = φ(ξ W + b) and h, from the environment row or straight from the distance (`direct`)."""

    environment: EnvironmentProgram
    embedding: Linear
    weighting: Smooth | Counted = static()
    direct: bool = static()
    activation: str = static()

    def sums(self, chunk: Chunk) -> Sums:
        """Return the factors of sums over the neighbours of a chunk."""
        return Sums(*self.weighting.scales(self.hood(chunk).occupied))

    def hood(self, chunk: Chunk) -> Neighborhood:
        """The neighbourhood within the repformer's cutoff."""
        return chunk.nearest(chunk.repformer_width, chunk.repformer_count, self.environment.max_neighbors)

    def vjp(self, hood: Neighborhood) -> InitialVJP:
        """`Features` with pair, direction and switch; the pullback gives dvectors."""
        xp = array_namespace(hood.vectors)
        (rows, switch), pull_env = self.environment.vjp(hood.types, hood.vectors)
        counted, pull_switch = self.weighting.switch_vjp(switch, hood.occupied)
        from_rows = rows[..., 0], rows[..., 1:], None
        scalar, direction, pull_direct = self.direct_distance(hood) if self.direct else from_rows
        z, pull_linear = self.embedding.vjp(scalar[..., None])
        pair, pull_activation = activation(self.activation)(z)
        self.record(hood, rows, switch, pair, direction)

        def pull_back(dx: Features) -> Array:
            dscalar = pull_linear(pull_activation(dx.pair))
            dswitch = pull_switch(dx.switch)
            if pull_direct is not None:
                return pull_direct(dscalar, dx.direction) + pull_env(xp.zeros_like(rows), dswitch)
            return pull_env(xp.concat([dscalar, dx.direction], axis=-1), dswitch)

        return Features(pair=pair, direction=direction, switch=counted), pull_back

    def direct_distance(self, hood: Neighborhood) -> tuple[Array, Array, Callable[[Array, Array], Array]]:
        """ξ = r / cutoff and h = d / cutoff, zero on empty slots, and the pullback."""
        xp = array_namespace(hood.vectors)
        scale = hood.occupied / self.environment.cutoff
        r = xp.sqrt(xp.sum(hood.vectors * hood.vectors, axis=-1))

        def pull_back(dscalar: Array, ddirection: Array) -> Array:
            return (scale / r)[..., None] * dscalar * hood.vectors + scale[..., None] * ddirection

        return scale * r, scale[..., None] * hood.vectors, pull_back

    def record(self, hood: Neighborhood, rows: Array, switch: Array, pair: Array, direction: Array) -> None:
        record("repformer/sw", switch * hood.occupied)
        record("repformer/env_mat", rows)
        record("repformer/g2_0", pair)
        record("repformer/h2_0", direction)


@module
class Initial:
    """Everything before the first layer, for one chunk of atoms."""

    repinit: RepinitProgram
    three_body: ThreeBodyProgram | None
    shape_transform: Linear | None
    type_offset: Float[Array, "type f"] | None
    pairs: InitialPairs
    activation: str = static()

    def vjp(self, chunk: Chunk) -> InitialVJP:
        """The features with which a chunk starts, and the pullback to the vectors of its edges."""
        two_body = chunk.nearest(chunk.near.shape[1], chunk.repinit_count, self.repinit.environment.max_neighbors)
        atom, pull_atom = self.atoms_vjp(chunk, two_body)
        pairs, pull_pairs = self.pairs.vjp(self.pairs.hood(chunk))

        def pull_back(dx: Features) -> Array:
            return add_leading(pull_atom(dx.atom), pull_pairs(dx))

        return pairs + Features(atom=atom), pull_back

    def atoms_vjp(self, chunk: Chunk, two_body: Neighborhood) -> VJP:
        """f = φ([two-body | three-body] W [+ type])"""
        xp = array_namespace(chunk.vectors)
        d, pull_d = self.repinit.vjp(two_body)
        width = d.shape[1]
        if self.three_body is not None:
            max_neighbors = self.three_body.environment.max_neighbors
            d3, pull_d3 = self.three_body.vjp(
                chunk.nearest(chunk.three_body_width, chunk.three_body_count, max_neighbors)
            )
            d = xp.concat([d, d3], axis=-1)
        record("repinit/out", d)
        y, pull_y = (d, lambda dy: dy) if self.shape_transform is None else self.shape_transform.vjp(d)
        record("g1_shape_transform", y)
        if self.type_offset is not None:
            y = y + take_rows(self.type_offset, chunk.types)
        f, pull_f = activation(self.activation)(y)
        record("g1_init", y)
        record("repformer/g1_0", f)

        def pull_back(df: Array) -> Array:
            dd = pull_y(pull_f(df))
            dvectors = pull_d(dd[:, :width])
            return dvectors if self.three_body is None else add_leading(dvectors, pull_d3(dd[:, width:]))

        return f, pull_back
