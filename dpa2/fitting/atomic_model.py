"""A whole model: descriptor, fitting net, and the head that makes values of its outputs (sections 11, 12 and 21)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..descriptor.chunk import Chunk
from ..descriptor.descriptor import Descriptor, DescriptorProgram, rotation, rotation_vjp
from ..descriptor.exchange import ALONE, Exchange
from ..descriptor.features import Features
from ..descriptor.initial import InitialPairs
from ..descriptor.runner import Runner, Stage
from ..nn.arrays import Array, Float, Int, array_namespace
from ..nn.module import module
from ..nn.roles import Constant, part, static, statistic
from .head import Head, Inputs
from .net import FittingNet
from .readout import Kind


@module
class AtomicModel:
    """The weights of a DPA-2 model. Not every head uses `bias` and `deviation`; they are carried along (trap T21)."""

    descriptor: Descriptor
    fitting: FittingNet = part("fitting")
    bias: Float[Array, "type *component"] = statistic(Constant(0.0), wide=True)
    deviation: Float[Array, "type *component"] = statistic(Constant(1.0), wide=True)
    excluded_types: tuple[int, ...] = static()
    kind: Kind = static()

    def fold(self) -> AtomicProgram:
        """The model ready to run."""
        descriptor = self.descriptor.fold()
        readout = self.kind.fold(self.bias, self.deviation)
        return AtomicProgram(descriptor, Head(self.fitting, readout, self.counted(), descriptor.table))

    def counted(self) -> Float[Array, "type"]:
        """1 for types that have values, 0 for excluded ones."""
        xp = array_namespace(self.bias)
        counted = xp.ones_like(xp.reshape(self.bias, (self.bias.shape[0], -1))[:, 0])
        index = xp.cumulative_sum(counted) - 1.0
        for t in self.excluded_types:
            counted = counted * xp.astype(index != float(t), counted.dtype)
        return counted


@module
class AtomicProgram:
    """The values of atoms of chunks, and their gradient with respect to every edge vector."""

    descriptor: DescriptorProgram
    head: Head

    def vjp(
        self, chunks: Sequence[Chunk], inputs: Sequence[Inputs], backend: Runner, exchange: Exchange = ALONE
    ) -> tuple[Sequence[Array], Callable[[Sequence[Array]], list[Array]]]:
        """Values (atom, ...) of each chunk; `pull(weights)` gives the gradients of Σ weights · values."""
        states, pull_descriptor = self.descriptor.vjp(chunks, backend, exchange)
        pairs, rotates = (self.descriptor.initial.pairs,), self.head.readout.rotates
        rotations = backend.run(rotation, pairs, chunks, states) if rotates else [None] * len(chunks)
        given = [s.atom for s in states], rotations, [c.types for c in chunks], inputs
        found, pull_head = backend.run_stage(HEAD, (self.head,), *given)

        def pull_back(weights: Sequence[Array]) -> list[Array]:
            cotangents = pull_head((), weights)
            if not rotates:
                return pull_descriptor([Features(atom=df) for df, _ in cotangents])
            return pull_descriptor(backend.run(before_rotation, pairs, chunks, states, cotangents))

        return found, pull_back


def values(
    head: Head,
    f: Float[Array, "atom f"],
    rotation: Float[Array, "atom g 3"] | None,
    types: Int[Array, "atom"],
    inputs: Inputs,
) -> Array:
    """The values of a chunk's atoms (atom, ...)."""
    return head.vjp(f, rotation, types, inputs)[0]


def before_head(
    head: Head,
    f: Float[Array, "atom f"],
    rotation: Float[Array, "atom g 3"] | None,
    types: Int[Array, "atom"],
    inputs: Inputs,
    weights: Float[Array, "atom *component"],
) -> tuple[Array, Array | None]:
    """The cotangents of f and of the rotation matrices of a chunk."""
    return head.vjp(f, rotation, types, inputs)[1](weights)


HEAD = Stage(Head.vjp, values, before_head)


def before_rotation(pairs: InitialPairs, chunk: Chunk, state: Features, cotangents: tuple[Array, Array]) -> Features:
    """The cotangents of a chunk's final features, from those of f and of the rotation matrices."""
    df, drotation = cotangents
    return Features(atom=df) + rotation_vjp(pairs, chunk, state)[1](drotation)
