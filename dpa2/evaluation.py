"""Running a model over prepared blocks, and the way back from rows of blocks to atoms of systems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .arrays import Array, array_namespace, take_rows
from .blocks import Block
from .descriptor import DescriptorProgram, laid_end_to_end, rotation, switches
from .energy import EnergyProgram
from .features import Features
from .forces import Edges, atom_virial, flat_edges, virial
from .neighbors import Neighbors, counts_within
from .plan import Plan
from .system import System, wrapped


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

    descriptor: (N, D). rotation: (N, g, 3). pair: (N, W, g), frame: (N, W, 3) and switch: (N, W) belong to the atoms
    in neighbors: (N, W), -1 where there is none (the pair then holds the numbers of section 9.6).
    """

    descriptor: Array
    rotation: Array
    pair: Array
    frame: Array
    switch: Array
    neighbors: Array


@dataclass(frozen=True)
class Prepared:
    """Systems laid out in blocks on a back end."""

    plan: Plan
    blocks: tuple[Block, ...]
    lists: Sequence[Neighbors]
    systems: Sequence[System]
    inverse: Array

    @property
    def atoms(self) -> list[int]:
        """The number of atoms of each system."""
        return [len(s.types) for s in self.systems]

    def unsorted(self, rows: Array) -> Array:
        """Rows of blocks as atoms of the systems, end to end."""
        return take_rows(rows, self.inverse)


def evaluate_prepared(program: EnergyProgram, backend, ready: Prepared, with_atom_virial: bool) -> list[Evaluation]:
    """Energies, forces and virials of the prepared systems."""
    frame, atom = parameters(program, backend, ready)
    real = backend.asarray(real_rows(ready), backend.wide())
    xp = array_namespace(real)
    energies, pull = program.linearize(ready.blocks, backend.run, real, frame, atom)
    found = edges(backend, ready)
    gradient = flat_edges(pull(xp.ones_like(energies)), energies.dtype)
    system, count = backend.asarray(ready.plan.system), ready.plan.systems
    totals = backend.sum_into_rows(energies, system, count)
    virials = virial(found, gradient, system, count)
    shares = None
    if with_atom_virial:
        shares = ready.unsorted(shared_virial(backend, ready, found, gradient, pull))
    return split(ready, totals, ready.unsorted(found.flow(gradient)), virials, ready.unsorted(energies), shares)


def split(ready: Prepared, energies, forces, virials, atom_energies, shares) -> list[Evaluation]:
    """A result for each system."""
    results, start = [], 0
    for k, n in enumerate(ready.atoms):
        here = slice(start, start + n)
        share = None if shares is None else shares[here, ...]
        results.append(Evaluation(energies[k], forces[here, :], virials[k, ...], atom_energies[here], share))
        start += n
    return results


def real_rows(ready: Prepared) -> np.ndarray:
    """1 for real atoms, 0 for virtual ones and for rows that only fill up a block."""
    types = np.concatenate([s.types for s in ready.systems])[ready.plan.order]
    return (types >= 0) * ready.plan.present


def parameters(program: EnergyProgram, backend, ready: Prepared):
    """Frame and atomic parameters of every row, or None."""
    dtype = str(program.fitting.output.weight.dtype).rpartition(".")[2]
    frame = atom = None
    if ready.systems[0].frame_parameters is not None:
        rows = np.stack([s.frame_parameters for s in ready.systems])[ready.plan.system]
        frame = backend.asarray(rows, dtype)
    if ready.systems[0].atom_parameters is not None:
        rows = np.concatenate([s.atom_parameters for s in ready.systems])[ready.plan.order]
        atom = backend.asarray(rows, dtype)
    return frame, atom


def edges(backend, ready: Prepared) -> Edges:
    """All edges of the blocks, flat."""
    near = laid_end_to_end([array_namespace(b.near).reshape(b.near, (-1,)) for b in ready.blocks])
    widths = np.concatenate([np.full(b.near.shape[0], b.near.shape[1]) for b in ready.blocks])
    own = backend.asarray(np.repeat(np.arange(len(widths)), widths))
    wide = backend.asarray(np.zeros(1), backend.wide()).dtype
    vectors = flat_edges([b.vectors for b in ready.blocks], wide)
    return Edges(own, near, vectors, len(widths), backend.sum_into_rows)


def shared_virial(backend, ready: Prepared, found: Edges, gradient, pull):
    """The virial of each row; three more pullbacks, weighted with the coordinates of the energies' atoms."""
    rows = np.concatenate([wrapped(s.coordinates, s.cell) for s in ready.systems])[ready.plan.order]
    coordinates = backend.asarray(rows, backend.wide())
    weighted = [flat_edges(pull(coordinates[:, axis]), gradient.dtype) for axis in range(3)]
    return atom_virial(found, gradient, weighted, take_rows(coordinates, found.own))


def evaluate_descriptor(program: DescriptorProgram, backend, ready: Prepared) -> list[DescriptorEvaluation]:
    """The descriptor's outputs of the prepared systems, whose blocks must all be equally wide."""
    states, _ = program.linearize(ready.blocks, backend.run)
    rotations = backend.run(rotation, (program.initial.pairs,), ready.blocks, states)
    fields = {n: laid_end_to_end([getattr(s, n) for s in states]) for n in ("pair", "frame")}
    fields["switch"] = laid_end_to_end(backend.run(switches, (program.initial.pairs,), ready.blocks))
    fields |= {"descriptor": program.output(ready.blocks, states), "rotation": laid_end_to_end(rotations)}
    fields["neighbors"] = backend.asarray(repformer_neighbors(ready))
    atoms = {n: ready.unsorted(x) for n, x in fields.items() if n != "neighbors"}
    atoms["neighbors"] = fields["neighbors"]
    results, start = [], 0
    for n in ready.atoms:
        results.append(DescriptorEvaluation(**{name: x[start : start + n, ...] for name, x in atoms.items()}))
        start += n
    return results


def repformer_neighbors(ready: Prepared) -> np.ndarray:
    """For every atom, the atoms of its own system within the repformer's cutoff, -1 where there are no more."""
    width = ready.blocks[0].repformer_width
    rows = []
    for found in ready.lists:
        index = np.full((len(found.counts), width), -1)
        used = np.arange(width) < counts_within(found, *ready.plan.reach.repformer)[:, None]
        stored = min(width, found.index.shape[1])
        index[:, :stored] = np.where(used[:, :stored], found.index[:, :stored], -1)
        rows.append(index)
    return np.concatenate(rows)
