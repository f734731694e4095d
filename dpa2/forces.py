"""From gradients of edges to forces and virials (specification sections 12.4 and 12.5).

g_e = ∂E/∂d_e of every directed edge gives all of them: F_k = Σ g (edges from k) - Σ g (edges to k), Ξ = -Σ g ⊗ d.
Sums are made in the precision of coordinates, whatever the precision of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .arrays import Array, Float, Int, array_namespace, end_to_end, flat
from .blocks import Block


@dataclass(frozen=True)
class Assembly:
    """How what belongs to edges becomes what belongs to atoms.

    near: for every edge of all blocks the row of the neighbour. rows: of all blocks. wide: an array in the precision of
    coordinates. backend: runs block functions, and sums into rows.
    """

    blocks: Sequence[Block]
    near: Int[Array, "edge"]
    rows: int
    wide: Callable
    backend: Any

    def arriving(self, values: Sequence[Float[Array, "_atom _neighbor *rest"]]) -> Float[Array, "row *rest"]:
        """Σ over the edges to each atom."""
        return self.backend.sum_into_rows(end_to_end([self.wide(flat(v)) for v in values]), self.near, self.rows)

    def leaving(self, values: Sequence[Float[Array, "_atom _neighbor *rest"]]) -> Float[Array, "row *rest"]:
        """Σ over the edges from each atom."""
        return end_to_end(self.backend.run(sum_of_edges, (), [self.wide(v) for v in values]))

    def flow(self, gradients: Sequence[Float[Array, "_atom _neighbor 3"]]) -> Float[Array, "row 3"]:
        """The force on each atom."""
        return self.leaving(gradients) - self.arriving(gradients)

    def virial(self, gradients: Sequence[Float[Array, "_atom _neighbor 3"]]) -> Float[Array, "row 3 3"]:
        """-Σ g ⊗ d over the edges from each atom; the first index is that of the force."""
        vectors = [self.wide(b.vectors) for b in self.blocks]
        return -end_to_end(self.backend.run(contract, (), [self.wide(g) for g in gradients], vectors))

    def atom_virial(self, gradients, weighted, coordinates: Sequence[Float[Array, "_atom 3"]]):
        """The reference's share of the virial per atom (row, 3, 3).

        weighted[β] holds the gradients of Σ_i r_iβ E_i, coordinates the wrapped ones of the blocks' atoms:
        Ξ_m = Σ_p F_p ⊗ r_p + Σ_i r_i ∂E_i/∂r_p over the images p of m. Message passing makes the second term
        necessary.
        """
        xp = array_namespace(self.near)
        start, end = [], []
        for block, gradient, r in zip(self.blocks, gradients, coordinates, strict=True):
            g, own = self.wide(gradient)[..., None], r[:, None, None, :]
            start.append(g * own)
            end.append(g * (own + self.wide(block.vectors)[:, :, None, :]))
        correction = xp.stack([self.flow(w) for w in weighted], axis=-1)
        return self.leaving(start) - self.arriving(end) - correction


def sum_of_edges(values: Float[Array, "atom neighbor *rest"]) -> Float[Array, "atom *rest"]:
    return array_namespace(values).sum(values, axis=1)


def contract(gradient: Float[Array, "atom neighbor 3"], vectors: Float[Array, "atom neighbor 3"]):
    """Σ g ⊗ d over the edges of each atom."""
    return gradient.mT @ vectors
