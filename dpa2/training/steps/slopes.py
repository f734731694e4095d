"""The gradient of a loss by the parameters of a model.

A loss depends on the parameters through energies, forces and virials. Once its derivatives by these are known, they are
fixed, and the gradient is that of one number that is linear in them:

Σ w_i E_i + Σ v_k · F_k + Σ s : Ξ  =  Σ w_i E_i - d/dε E(d + ε u),   u = v_near - v_own + s d,

since forces and virials are derivatives of the energy by the edge vectors d. One pass forward gives the energy with its
derivative along u, and one pass back through it the gradient (`Forward`): two thirds of the processor time on JAX.
PyTorch takes four times as long that way, and goes back through the program that gives energies and forces (`Adjoint`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ...backends.differentiation import Differentiation, is_real
from ...backends.protocol import Backend
from ...descriptor.runner import Runner
from ...evaluation.forces import evaluate_prepared, results_of
from ...evaluation.prepared import Prepared
from ...evaluation.results import Evaluation
from ...fitting.atomic_model import AtomicProgram
from ...fitting.head import Head, Inputs
from ...nn.arrays import Array, Float, Int
from ...nn.module import map_leaves
from .calls import Node, derivatives
from .tape import Tape


@dataclasses.dataclass(frozen=True)
class Cotangents:
    """Derivatives of a loss by energies of atoms, forces and virials of frames, atoms end to end; NumPy arrays."""

    atom_energy: Float[np.ndarray, "atom"]
    forces: Float[np.ndarray, "atom 3"]
    virial: Float[np.ndarray, "frame 3 3"]


class Forward:
    """A pass forward with derivatives along the direction of the cotangents, once these are known."""

    def __init__(self, differentiation: Differentiation, backend: Backend, program: AtomicProgram, ready: Prepared):
        self.differentiation, self.backend, self.program, self.ready = differentiation, backend, program, ready

    def results(self) -> list[Evaluation]:
        """Return energies, forces and virials."""
        return evaluate_prepared(self.program, self.backend, self.ready, False)

    def slopes(self, cotangents: Cotangents) -> list[Array | None]:
        """Return the gradient, by each array of the program, of a loss with such derivatives by the results.

        None: for arrays of integers, and for those on which nothing depends.
        """
        ready, tape, nodes = self.ready, Tape(self.differentiation), tracked(self.program)
        weights, moves = placed(self.backend, ready, cotangents)
        vectors = [Node(c.vectors, move, tracked=False) for c, move in zip(ready.chunks, moves, strict=True)]
        for energies, weight in zip(atom_energies(nodes, tape, ready, vectors), weights, strict=True):
            energies.add(weight, 0.0 * weight - 1.0)
        tape.go_back()
        return derivatives(nodes)[0]


class Adjoint:
    """A pass through the program of energies and forces, and back through it, chunk by chunk."""

    def __init__(self, differentiation: Differentiation, backend: Backend, program: AtomicProgram, ready: Prepared):
        self.backend, self.ready = backend, ready
        self.tape, self.nodes = Tape(differentiation), tracked(program)
        self.energies, pull = self.nodes.vjp(ready.chunks, ready.inputs, self.tape)
        self.gradients = pull([given.real for given in ready.inputs])

    def results(self) -> list[Evaluation]:
        """Return energies, forces and virials."""
        energies, gradients = ([node.value for node in nodes] for nodes in (self.energies, self.gradients))
        return results_of(self.backend, self.ready, energies, gradients)

    def slopes(self, cotangents: Cotangents) -> list[Array | None]:
        """Return the same as `Forward.slopes`; to be called once."""
        weights, moves = placed(self.backend, self.ready, cotangents)
        for node, weight in zip(self.energies, weights, strict=True):
            node.add(weight, None)
        for node, move in zip(self.gradients, moves, strict=True):
            node.add(-move, None)
        self.tape.go_back()
        return derivatives(self.nodes)[0]


WAYS: dict[str, type[Forward] | type[Adjoint]] = {"forward": Forward, "adjoint": Adjoint}


def one_pass(
    differentiation: Differentiation, backend: Backend, program: AtomicProgram, ready: Prepared
) -> Forward | Adjoint:
    """Return a pass of the way that is best on a library: its results, then the gradient by their derivatives."""
    return WAYS[differentiation.way](differentiation, backend, program, ready)


def tracked(program: AtomicProgram) -> AtomicProgram:
    """Return a program whose arrays of real numbers are nodes of a tape."""
    return map_leaves(lambda _, x: Node(x) if is_real(x) else x, program)


def placed(backend: Backend, ready: Prepared, cotangents: Cotangents) -> tuple[list[Array], list[Array]]:
    """Return, for each chunk, the weights of energies (atom,) and the directions u of edges (atom, neighbor, 3)."""
    weights = backend.arrays(ready.plan.cut(cotangents.atom_energy[ready.plan.order]), backend.wide())
    dtype = str(ready.chunks[0].vectors.dtype).rpartition(".")[2]
    return weights, backend.arrays(directions(ready, cotangents), dtype)


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


def atom_energies(program: AtomicProgram, runner: Runner, ready: Prepared, vectors: Sequence) -> list:
    """Return the energies of the atoms of each chunk at other edge vectors, without what forces would need."""
    chunks = [dataclasses.replace(c, vectors=v) for c, v in zip(ready.chunks, vectors, strict=True)]
    states, _ = program.descriptor.vjp(chunks, runner)
    atoms, types = [state.atom for state in states], [chunk.types for chunk in chunks]
    return runner.run(energies_alone, (program.head,), atoms, types, ready.inputs)


def energies_alone(
    head: Head, f: Float[Array, "atom f"], types: Int[Array, "atom"], inputs: Inputs
) -> Float[Array, "atom"]:
    """Return the energies of a chunk's atoms."""
    return head.vjp(f, None, types, inputs)[0]
