"""Energies, forces and virials of prepared systems (specification sections 12.4 and 12.5).

Forces and virials follow from g_e = ∂E/∂d_e of every directed edge: F_k = Σ g (edges from k) - Σ g (edges to k) and
Ξ = -Σ g ⊗ d.
Sums are made in the precision of coordinates, whatever the precision of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..descriptor.chunk import Chunk
from ..fitting.atomic_model import AtomicProgram
from ..nn.arrays import Array, Float, array_namespace, flat
from .library import Library
from .prepared import Prepared
from .results import Evaluation, split
from .rows import sum_over_rows


def evaluate_prepared(
    program: AtomicProgram, backend: Library, ready: Prepared, with_atom_virial: bool
) -> list[Evaluation]:
    """Energies, forces and virials of the prepared systems."""
    energies, pull = program.vjp(ready.chunks, ready.inputs, backend, ready.exchange)
    gradients = pull([given.real for given in ready.inputs])
    shares = atom_virials(backend, ready, gradients, pull) if with_atom_virial else None
    return results_of(backend, ready, energies, gradients, shares)


def results_of(
    backend: Library,
    ready: Prepared,
    energies: Sequence[Array],
    gradients: Sequence[Array],
    shares: Array | None = None,
) -> list[Evaluation]:
    """Return the results of systems from the energies of the atoms of each chunk, and their gradients by edge vectors.

    shares: of atoms in virials; None for no such shares.
    """
    parts = end_to_end_parts(backend, ready.chunks, ready.coordinates, energies, gradients)
    ((totals, forces, virials, atom_energies),) = backend.run(sum_over_rows, (ready.row_map,), *parts)
    return split(backend, ready.systems, totals, ready.exchange.settled(*forces), virials, atom_energies, shares)


def end_to_end_parts(
    backend: Library,
    chunks: Sequence[Chunk],
    coordinates: Sequence[Array],
    energies: Sequence[Array],
    gradients: Sequence[Array],
) -> list[list[Array]]:
    """Return the arguments of `sum_over_rows`, each as the only item of a list, from what chunks have."""
    parts = [energies, *from_edges(backend, chunks, coordinates, share_out, gradients)]
    return [[backend.joiner()(part)] for part in parts]


def from_edges(
    backend: Library, chunks: Sequence[Chunk], coordinates: Sequence[Array], function: Callable, gradients: Sequence
) -> list[Sequence[Array]]:
    """The results of `function(gradients, vectors, coordinates)` for all chunks: a list for each of its results."""
    vectors = [chunk.vectors for chunk in chunks]
    return list(zip(*backend.run(function, (), gradients, vectors, coordinates), strict=True))


def atom_virials(backend: Library, ready: Prepared, gradients: Sequence, pull: Callable) -> Array:
    """The share of each atom in the virial, as the reference divides it: (atom, 3, 3).

    The last term comes from message passing:

    Ξ_m = Σ_p F_p ⊗ r_p + Σ_i r_i ∂E_i/∂r_p over the images p of m, with wrapped coordinates r.
    """

    weighted = [pull([r[:, axis] for r in ready.coordinates]) for axis in range(3)]
    passed_on = [flow(backend, ready, share_out, edges) for edges in weighted]
    xp = array_namespace(passed_on[0])
    own = flow(backend, ready, share_out_virial, gradients)
    return own - xp.stack(passed_on, axis=-1)


def flow(backend: Library, ready: Prepared, function: Callable, gradients: Sequence) -> Array:
    """For each atom, what `function` gives it, less what it gives to the edges that lead to it."""
    parts = from_edges(backend, ready.chunks, ready.coordinates, function, gradients)
    leaving, arriving, *_ = (backend.joiner()(part) for part in parts)
    return ready.exchange.settled(*ready.row_map.flow(leaving, arriving))


def share_out(
    gradient: Float[Array, "atom neighbor 3"],
    vectors: Float[Array, "atom neighbor 3"],
    coordinates: Float[Array, "atom 3"],
) -> tuple[Array, Array, Array]:
    """Σ g of each atom's edges (atom, 3), g of every edge (edge, 3), and the virial -Σ g ⊗ d of each atom (atom, 3, 3).

    The first index of the virial is that of the force. Results are in the precision of the coordinates.
    """
    g, d = in_precision_of(coordinates, gradient), in_precision_of(coordinates, vectors)
    return array_namespace(g).sum(g, axis=1), flat(g), -(g.mT @ d)


def share_out_virial(
    gradient: Float[Array, "atom neighbor 3"],
    vectors: Float[Array, "atom neighbor 3"],
    coordinates: Float[Array, "atom 3"],
) -> tuple[Array, Array]:
    """Terms of Σ F_p ⊗ r_p over images p: of each atom itself (atom, 3, 3), and of every edge (edge, 3, 3)."""
    g, d = in_precision_of(coordinates, gradient)[..., None], in_precision_of(coordinates, vectors)
    own = coordinates[:, None, None, :]
    return array_namespace(g).sum(g * own, axis=1), flat(g * (own + d[:, :, None, :]))


def in_precision_of(wide: Array, x: Array) -> Array:
    """Return x in the precision of `wide`."""
    return x if x.dtype == wide.dtype else array_namespace(x).astype(x, wide.dtype)
