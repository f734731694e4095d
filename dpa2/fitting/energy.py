"""The energy model: descriptor, fitting net and bias (specification sections 11 and 12)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..descriptor.chunk import Chunk
from ..descriptor.descriptor import Descriptor, DescriptorProgram
from ..descriptor.features import Features
from ..descriptor.runner import Runner
from ..nn.arrays import VJP, Array, Float, Int, array_namespace, take_rows
from ..nn.module import module
from ..nn.record import record
from ..nn.roles import Constant, derived, part, static, statistic
from .net import FittingNet


@module
class EnergyModel:
    """The weights of a DPA-2 energy model. `deviation` is carried along; energies do not use it (trap T21)."""

    descriptor: Descriptor
    fitting: FittingNet = part("fitting")
    bias: Float[Array, "type"] = statistic(Constant(0.0), wide=True)
    deviation: Float[Array, "type"] = statistic(Constant(1.0), wide=True)
    excluded_types: tuple[int, ...] = static()

    def fold(self) -> EnergyProgram:
        """The model ready to run."""
        xp = array_namespace(self.bias)
        counted = xp.ones_like(self.bias)
        index = xp.cumulative_sum(counted) - 1.0
        for t in self.excluded_types:
            counted = counted * xp.astype(index != float(t), counted.dtype)
        descriptor = self.descriptor.fold()
        return EnergyProgram(descriptor, EnergyHead(self.fitting, self.bias, counted, descriptor.table))


@module
class Inputs:
    """The inputs of a chunk's energies besides the descriptor: 1 for real atoms, and their parameters, if any."""

    real: Float[Array, "atom"]
    frame: Float[Array, "atom frame_parameter"] | None
    atom: Float[Array, "atom atom_parameter"] | None


@module
class EnergyHead:
    """E_i = χ_i (F(f_i | E(type)) + bias), for a chunk of atoms; χ is 0 for virtual atoms and excluded types."""

    fitting: FittingNet = part("fitting")
    bias: Float[Array, "type"] = derived(wide=True)
    counted: Float[Array, "type"] = derived(wide=True)
    table: Float[Array, "types_and_padding embedding"] | None

    def vjp(self, f: Float[Array, "atom f"], types: Int[Array, "atom"], inputs: Inputs) -> VJP:
        """Energies (atom,) in eV, and the pullback to f."""
        xp = array_namespace(f)
        x = f if self.table is None else self.with_types(f, take_rows(self.table, types))
        record("descriptor", x)
        energies, pull = self.fitting.vjp(x, inputs.frame, inputs.atom, types)
        counted = inputs.real * take_rows(self.counted, types)
        total = counted * (xp.astype(energies, counted.dtype) + take_rows(self.bias, types))
        return total, lambda weights: pull(weights * counted)[:, : f.shape[1]]

    def with_types(self, f: Float[Array, "atom f"], embedded: Float[Array, "atom embedding"]) -> Array:
        """[f | E(type)], in this order (section 10)."""
        return array_namespace(f).concat([f, embedded], axis=-1)


@module
class EnergyProgram:
    """Atomic energies of chunks of atoms, and their gradient with respect to every edge vector."""

    descriptor: DescriptorProgram
    head: EnergyHead

    def vjp(
        self, chunks: Sequence[Chunk], inputs: Sequence[Inputs], backend: Runner
    ) -> tuple[Sequence[Array], Callable[[Sequence[Array]], list[Array]]]:
        """Energies (atom,) in eV of each chunk; `pull(weights)` gives the gradients of Σ weights · energies."""
        states, pull_descriptor = self.descriptor.vjp(chunks, backend)
        atoms, types = [s.atom for s in states], [b.types for b in chunks]
        energies, slopes = zip(*backend.run(finish, (self.head,), atoms, types, inputs), strict=True)

        def pull_back(weights: Sequence[Float[Array, "atom"]]) -> list[Array]:
            return pull_descriptor(backend.run(cotangent, (), slopes, weights))

        return energies, pull_back


def finish(
    head: EnergyHead, f: Float[Array, "atom f"], types: Int[Array, "atom"], inputs: Inputs
) -> tuple[Float[Array, "atom"], Float[Array, "atom f"]]:
    """The energies of a chunk's atoms (atom,), and ∂E_i/∂f_i (atom, f)."""
    energies, pull = head.vjp(f, types, inputs)
    return energies, pull(array_namespace(energies).ones_like(energies))


def cotangent(slopes: Float[Array, "atom f"], weights: Float[Array, "atom"]) -> Features:
    """The cotangent of a chunk's final features, of which an energy depends on its own atom's f alone."""
    return Features(atom=slopes * array_namespace(slopes).astype(weights, slopes.dtype)[:, None])
