"""From gradients of edges to forces and virials (specification sections 12.4 and 12.5).

g_e = ∂E/∂d_e of every directed edge gives all of them: F_k = Σ g (edges from k) - Σ g (edges to k),
Ξ = -Σ g ⊗ d. Sums are made in the precision of coordinates, whatever the precision of the model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .arrays import Array, Float, Int, array_namespace
from .descriptor import laid_end_to_end


@dataclass(frozen=True)
class Edges:
    """All edges of all blocks: the row of the centre and of the neighbour, and the vector between them, Å."""

    own: Int[Array, "edge"]
    near: Int[Array, "edge"]
    vectors: Float[Array, "edge 3"]
    rows: int
    sum_into_rows: Callable

    def flow(self, values: Float[Array, "edge *rest"]) -> Float[Array, "row *rest"]:
        """Σ over the edges from an atom minus Σ over the edges to it."""
        return self.sum_into_rows(values, self.own, self.rows) - self.sum_into_rows(values, self.near, self.rows)


def edges(blocks, near, own, dtype, rows: int, sum_into_rows: Callable) -> Edges:
    """The edges of `blocks`, flat."""
    return Edges(own, near, flat_edges([b.vectors for b in blocks], dtype), rows, sum_into_rows)


def flat_edges(parts, dtype) -> Float[Array, "edge 3"]:
    """What blocks hold for their edges, end to end, in `dtype`."""
    xp = array_namespace(parts[0])
    return xp.astype(laid_end_to_end([xp.reshape(p, (-1, 3)) for p in parts]), dtype)


def outer(a: Float[Array, "edge 3"], b: Float[Array, "edge 3"]) -> Float[Array, "edge 3 3"]:
    return a[:, :, None] * b[:, None, :]


def virial(edges: Edges, gradient, system: Int[Array, "row"], systems: int) -> Float[Array, "system 3 3"]:
    """Ξ = -Σ g ⊗ d of each system; the first index is that of the force."""
    per_row = edges.sum_into_rows(outer(gradient, edges.vectors), edges.own, edges.rows)
    return -edges.sum_into_rows(per_row, system, systems)


def atom_virial(edges: Edges, gradient, weighted, coordinates) -> Float[Array, "row 3 3"]:
    """The reference's share of the virial per atom.

    weighted[β] is the gradient of Σ_i r_iβ E_i, coordinates the wrapped ones of each edge's centre.

    Ξ_m = Σ_p F_p ⊗ r_p + Σ_i r_i ∂E_i/∂r_p over the images p of m: message passing makes the second term necessary.
    """
    xp = array_namespace(gradient)
    start, end = outer(gradient, coordinates), outer(gradient, coordinates + edges.vectors)
    pulled = edges.sum_into_rows(start, edges.own, edges.rows) - edges.sum_into_rows(end, edges.near, edges.rows)
    correction = xp.stack([edges.flow(w) for w in weighted], axis=-1)
    return pulled - correction
