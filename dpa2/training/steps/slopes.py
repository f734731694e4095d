"""The gradient of a loss by the parameters of a model.

A loss depends on the parameters through energies, forces and virials. Once its derivatives by these are known, they are
fixed, and the gradient is that of one number that is linear in them:

Σ w_i E_i + Σ v_k · F_k + Σ s : Ξ  =  Σ w_i E_i - d/dε E(d + ε u),   u = v_near - v_own + s d,

since forces and virials are derivatives of the energy by the edge vectors d. One pass forward gives the energy with its
derivative along u, and one pass back through it the gradient: forces are not differentiated a second time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ...backends.differentiation import Differentiation
from ...backends.protocol import Backend
from ...evaluation.prepared import Prepared
from ...fitting.energy import EnergyHead, EnergyProgram, Inputs
from ...nn.arrays import Array, Float, Int, array_namespace

Program = Callable[[Mapping[str, Array]], EnergyProgram]


@dataclasses.dataclass(frozen=True)
class Cotangents:
    """Derivatives of a loss by energies of atoms, forces and virials of frames, atoms end to end; NumPy arrays."""

    atom_energy: Float[np.ndarray, "atom"]
    forces: Float[np.ndarray, "atom 3"]
    virial: Float[np.ndarray, "frame 3 3"]


def weight_slopes(
    differentiation: Differentiation,
    backend: Backend,
    program: Program,
    parameters: Mapping[str, Array],
    ready: Prepared,
    cotangents: Cotangents,
) -> dict[str, Array]:
    """Return the gradient, by each of the parameters, of a loss with such derivatives by the model's results."""
    wide = backend.wide()
    weights = backend.arrays(ready.plan.cut(cotangents.atom_energy[ready.plan.order]), wide)
    vectors = [chunk.vectors for chunk in ready.chunks]
    dtype = str(vectors[0].dtype).rpartition(".")[2]
    moves = backend.arrays(directions(ready, cotangents), dtype)

    def number(parameters: Mapping[str, Array]) -> tuple[Array, None]:
        made = program(parameters)

        def energies(moved: list[Array]) -> list[Array]:
            return atom_energies(made, backend, with_vectors(ready, moved), ready.inputs)

        values, changes = differentiation.along(energies, vectors, moves)
        return total(values, changes, weights), None

    return differentiation.slopes(number, parameters)[2]


def directions(ready: Prepared, cotangents: Cotangents) -> list[np.ndarray]:
    """Return u = v_near - v_own + s d for the edges of each chunk (atom, neighbor, 3)."""
    order, system = ready.plan.order, ready.plan.system
    moves, strains = cotangents.forces[order], cotangents.virial[system]
    found, start = [], 0
    for chunk in ready.plan.chunks:
        own = slice(start, start + len(chunk.types))
        found.append(moves[chunk.near] - moves[own, None, :] + chunk.vectors @ strains[own].mT)
        start = own.stop
    return found


def with_vectors(ready: Prepared, vectors: Sequence[Array]) -> list:
    """Return chunks with other edge vectors."""
    return [dataclasses.replace(c, vectors=v) for c, v in zip(ready.chunks, vectors, strict=True)]


def total(energies: Sequence[Array], changes: Sequence[Array], weights: Sequence[Array]) -> Array:
    """Return Σ w E - Σ dE over the atoms of all chunks."""
    xp = array_namespace(energies[0])
    parts = [xp.sum(w * e - change) for e, change, w in zip(energies, changes, weights, strict=True)]
    return sum(parts[1:], parts[0])


def atom_energies(program: EnergyProgram, backend: Backend, chunks: Sequence, inputs: Sequence[Inputs]) -> list[Array]:
    """Return the energies of the atoms of each chunk, without what a pass back would need."""
    states, _ = program.descriptor.vjp(chunks, backend)
    atoms, types = [state.atom for state in states], [chunk.types for chunk in chunks]
    return backend.run(energies_alone, (program.head,), atoms, types, inputs)


def energies_alone(
    head: EnergyHead, f: Float[Array, "atom f"], types: Int[Array, "atom"], inputs: Inputs
) -> Float[Array, "atom"]:
    """Return the energies of a chunk's atoms."""
    return head.vjp(f, types, inputs)[0]
