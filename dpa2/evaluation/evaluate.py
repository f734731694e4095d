"""Running a model over prepared chunks, and the way back from rows of chunks to atoms of systems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np

from ..batching.plan import Plan
from ..descriptor.chunk import Chunk
from ..descriptor.descriptor import DescriptorProgram, rotation, switches
from ..fitting.energy import EnergyProgram, Inputs
from ..neighbors import Neighbors, counts_within
from ..nn.arrays import Array, array_namespace, end_to_end, flat
from ..structures.system import System, wrapped
from .forces import RowMap, share_out, share_out_virial, sum_over_rows


@dataclass(frozen=True)
class Evaluation:
    """What a model says of one system, or of frames stacked along a first axis. Arrays of the back end.

    energy: eV. forces: (N, 3), eV/Å. virial: (3, 3), eV. atom_energy: (N,), eV. atom_virial: (N, 3, 3), eV, or None.
    """

    energy: Array
    forces: Array
    virial: Array
    atom_energy: Array
    atom_virial: Array | None = None


@dataclass(frozen=True)
class DescriptorEvaluation:
    """What the descriptor says of one system. W is the number of neighbours of the widest atom.

    descriptor: (N, D). rotation: (N, g, 3). pair: (N, W, g), direction: (N, W, 3) and switch: (N, W) belong to the
    atoms in neighbors: (N, W), -1 where there is none (the pair then holds the numbers of section 9.6).
    """

    descriptor: Array
    rotation: Array
    pair: Array
    direction: Array
    switch: Array
    neighbors: Array


@dataclass(frozen=True)
class Prepared:
    """Systems laid out in chunks on a back end."""

    plan: Plan
    chunks: tuple[Chunk, ...]
    inputs: tuple[Inputs, ...]
    coordinates: Sequence[Array]
    row_map: RowMap
    lists: Sequence[Neighbors]
    systems: Sequence[System]

    @property
    def atoms(self) -> list[int]:
        """The number of atoms of each system."""
        return [len(s.types) for s in self.systems]


def evaluate_prepared(program: EnergyProgram, backend, ready: Prepared, with_atom_virial: bool) -> list[Evaluation]:
    """Energies, forces and virials of the prepared systems."""
    energies, pull = program.vjp(ready.chunks, ready.inputs, backend)
    gradients = pull([given.real for given in ready.inputs])
    parts = [energies, *from_edges(backend, ready, share_out, gradients)]
    whole = ([end_to_end(part)] for part in parts)
    ((totals, forces, virials, atom_energies),) = backend.run(sum_over_rows, (ready.row_map,), *whole)
    shares = atom_virials(backend, ready, gradients, pull) if with_atom_virial else None
    return split(ready, totals, forces, virials, atom_energies, shares)


def from_edges(backend, ready: Prepared, function, gradients) -> list[Sequence[Array]]:
    """What the edges of every chunk give, as `function` says: a list for each of its results."""
    vectors = [chunk.vectors for chunk in ready.chunks]
    return list(zip(*backend.run(function, (), gradients, vectors, ready.coordinates), strict=True))


def atom_virials(backend, ready: Prepared, gradients, pull) -> Array:
    """The reference's share of the virial per atom (atom, 3, 3), of which message passing makes the last term.

    Ξ_m = Σ_p F_p ⊗ r_p + Σ_i r_i ∂E_i/∂r_p over the images p of m, with wrapped coordinates r.
    """

    def flow(function, edges) -> Array:
        leaving, arriving, *_ = map(end_to_end, from_edges(backend, ready, function, edges))
        return ready.row_map.flow(leaving, arriving)

    weighted = [pull([r[:, axis] for r in ready.coordinates]) for axis in range(3)]
    passed_on = [flow(share_out, edges) for edges in weighted]
    xp = array_namespace(passed_on[0])
    return ready.row_map.unsorted(flow(share_out_virial, gradients) - xp.stack(passed_on, axis=-1))


def split(ready: Prepared, energies, forces, virials, atom_energies, shares) -> list[Evaluation]:
    """A result for each system."""
    results, start = [], 0
    for k, n in enumerate(ready.atoms):
        here = slice(start, start + n)
        share = None if shares is None else shares[here, ...]
        results.append(Evaluation(energies[k], forces[here, :], virials[k, ...], atom_energies[here], share))
        start += n
    return results


def prepare(backend, config, host: Plan, lists, systems) -> Prepared:
    """A plan and what belongs to its rows, on a back end."""
    coordinates = np.concatenate([wrapped(s.coordinates, s.cell) for s in systems])[host.order]
    row_map = RowMap(
        near=end_to_end([flat(chunk.near) for chunk in host.chunks]),
        system=host.system,
        inverse=host.inverse,
        systems=host.systems,
        into_rows=backend.sum_into_rows,
    )
    return Prepared(
        plan=host,
        chunks=backend.arrays(host.chunks, config.dtype),
        inputs=inputs(backend, config.fitting.dtype, host, systems),
        coordinates=backend.arrays(host.cut(coordinates), backend.wide()),
        row_map=backend.arrays(row_map, config.dtype),
        lists=lists,
        systems=systems,
    )


def inputs(backend, dtype: str, host: Plan, systems) -> tuple[Inputs, ...]:
    """1 for real atoms, 0 for virtual ones and for rows that only fill up a chunk; frame and atomic parameters."""
    types = np.concatenate([s.types for s in systems])[host.order]
    real = backend.arrays(host.cut((types >= 0) * host.present), backend.wide())
    frame = parameters([s.frame_parameters for s in systems], np.stack, host, host.system)
    atom = parameters([s.atom_parameters for s in systems], np.concatenate, host, host.order)
    return tuple(map(Inputs, real, backend.arrays(frame, dtype), backend.arrays(atom, dtype)))


def parameters(given: list, join, host: Plan, rows: np.ndarray) -> list:
    """Parameters of the rows of each chunk, joined from those of all systems; None where a model takes none."""
    return [None] * len(host.chunks) if given[0] is None else host.cut(join(given)[rows])


def evaluate_descriptor(program: DescriptorProgram, backend, ready: Prepared) -> list[DescriptorEvaluation]:
    """The descriptor's outputs of the prepared systems, whose chunks must all be equally wide."""
    states, _ = program.vjp(ready.chunks, backend)
    rotations = backend.run(rotation, (program.initial.pairs,), ready.chunks, states)
    fields = {n: end_to_end([getattr(s, n) for s in states]) for n in ("pair", "direction")}
    fields["switch"] = end_to_end(backend.run(switches, (program.initial.pairs,), ready.chunks))
    descriptors = map(program.output, ready.chunks, states)
    fields |= {"descriptor": end_to_end(list(descriptors)), "rotation": end_to_end(rotations)}
    fields["neighbors"] = backend.asarray(repformer_neighbors(ready))
    atoms = {n: ready.row_map.unsorted(x) for n, x in fields.items() if n != "neighbors"}
    atoms["neighbors"] = fields["neighbors"]
    results, start = [], 0
    for n in ready.atoms:
        results.append(DescriptorEvaluation(**{name: x[start : start + n, ...] for name, x in atoms.items()}))
        start += n
    return results


def repformer_neighbors(ready: Prepared) -> np.ndarray:
    """For every atom, the atoms of its own system within the repformer's cutoff, -1 where there are no more."""
    width = ready.chunks[0].repformer_width
    rows = []
    for found in ready.lists:
        index = np.full((len(found.counts), width), -1)
        used = np.arange(width) < counts_within(found, *ready.plan.cutoffs.repformer)[:, None]
        stored = min(width, found.index.shape[1])
        index[:, :stored] = np.where(used[:, :stored], found.index[:, :stored], -1)
        rows.append(index)
    return np.concatenate(rows)


def stacked(results: list[Evaluation]) -> Evaluation:
    """Results of equally large systems with a first axis of frames."""
    xp = array_namespace(results[0].forces)
    columns = zip(*(astuple(r) for r in results), strict=True)
    return Evaluation(*(None if c[0] is None else xp.stack(c) for c in columns))
