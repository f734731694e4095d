"""The three-body block beside repinit: pairs of neighbours and the angle between them (specification section 6)."""

from __future__ import annotations

from collections.abc import Callable

from ..nn.arrays import VJP, Array, Float, Int, array_namespace
from ..nn.layers import EmbeddingNet
from ..nn.module import module, static
from ..nn.record import record, scope
from .embedding import TypedEmbedding, fold_embedding
from .environment import Environment, EnvironmentProgram, EnvironmentRows, Neighborhood

MeanVJP = tuple[Array, Callable[[Array], tuple[Array, Array]]]  # D, and the pullback to (κ, switch of both)


@module
class ThreeBody:
    """The weights of the three-body block."""

    environment: Environment
    embedding: EmbeddingNet
    type_gate: EmbeddingNet | None
    smooth: bool = static()

    def fold(self, table: Float[Array, "type embedding"]) -> ThreeBodyProgram:
        """The block ready to run, with the type embedding `table` folded into its nets."""
        embedding = fold_embedding(self.embedding, self.type_gate, table, self.smooth)
        return ThreeBodyProgram(self.environment.fold(), embedding)


@module
class ThreeBodyProgram:
    """D = (1/S²) Σ_ab κ_ab f(κ_ab; types), κ_ab = v_a · v_b with v the angular part of the environment row."""

    environment: EnvironmentProgram
    embedding: TypedEmbedding

    def vjp(self, hood: Neighborhood) -> VJP:
        """The three-body descriptor (atom, channel), and the pullback to the vectors."""
        slots, pull_rows = self.environment.rows_vjp(hood)
        w = slots.switch
        kappa, pull_kappa = self.scalars_vjp(slots)
        both = w[:, :, None] * w[:, None, :]
        record("three_body/sw", w)
        record("three_body/env_mat", slots.rows)
        record("three_body/kappa", kappa)
        d, pull_d = self.mean_vjp(kappa, slots.types, both, self.share(slots))
        record("three_body/out", d)

        def pull_back(dd: Array) -> Array:
            dkappa, dpair = pull_d(dd)
            return pull_rows(pull_kappa(dkappa), ((dpair + dpair.mT) @ w[..., None])[..., 0])

        return d, pull_back

    def scalars_vjp(self, slots: EnvironmentRows) -> VJP:
        """κ of every two slots (atom, slot, slot), and the pullback to the rows."""
        xp, v = array_namespace(slots.rows), slots.rows[..., 1:]

        def pull_back(dkappa: Array) -> Array:
            dv = (dkappa + dkappa.mT) @ v
            return xp.concat([xp.zeros_like(dv[..., :1]), dv], axis=-1)

        return v @ v.mT, pull_back

    def share(self, slots: EnvironmentRows) -> Float[Array, "atom slot slot"] | float:
        """Return the weight of each ordered pair of slots in the mean over all S² pairs."""
        if slots.multiplicity is None:
            return 1.0 / self.environment.max_neighbors**2
        pairs = slots.multiplicity[:, :, None] * slots.multiplicity[:, None, :]
        return pairs / self.environment.max_neighbors**2

    def mean_vjp(
        self,
        kappa: Float[Array, "atom slot slot"],
        types: Int[Array, "atom slot"],
        both: Float[Array, "atom slot slot"],
        share: Float[Array, "atom slot slot"] | float,
    ) -> MeanVJP:
        """Σ_ab share κ f(κ) (atom, channel); `pull(dD)` gives (dκ, dswitch of both)."""
        xp = array_namespace(kappa)
        with scope("three_body/"):
            f, pull_f = self.embedding.vjp(kappa, types[:, :, None], types[:, None, :], both)
        record("three_body/gg", f, (1, 2, 3, 0))
        counted = kappa * share

        def pull_back(dd: Array) -> tuple[Array, Array]:
            dkappa, dpair = pull_f(dd.T[:, :, None, None] * counted[None, ...])
            return dkappa + share * mix_channels(dd, f), dpair

        return xp.sum(f * counted[None, ...], axis=(2, 3)).T, pull_back


def mix_channels(dd: Float[Array, "atom channel"], f: Float[Array, "channel atom slot slot"]) -> Array:
    """Σ_c dd_c f_c, channel by channel, since compilers do badly at sums over the slowest axis."""
    total = dd[:, 0, None, None] * f[0, ...]
    for c in range(1, f.shape[0]):
        total = total + dd[:, c, None, None] * f[c, ...]
    return total
