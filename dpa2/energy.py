"""The energy model: descriptor, fitting net and bias; forces and virial from the adjoint (specification section 12)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .arrays import Array, Float, array_namespace, take_rows
from .blocks import Block
from .descriptor import Descriptor, DescriptorProgram, laid_end_to_end
from .fitting import Fitting
from .module import module, static


@module
class EnergyModel:
    """The weights of a DPA-2 energy model. `deviation` is carried along; energies do not use it (trap T21)."""

    descriptor: Descriptor
    fitting: Fitting
    bias: Float[Array, "type"]
    deviation: Float[Array, "type"]
    excluded_types: tuple[int, ...] = static()

    def fold(self) -> EnergyProgram:
        """The model ready to run."""
        xp = array_namespace(self.bias)
        counted = xp.ones_like(self.bias)
        index = xp.cumulative_sum(counted) - 1.0
        for t in self.excluded_types:
            counted = counted * xp.astype(index != float(t), counted.dtype)
        return EnergyProgram(self.descriptor.fold(), self.fitting, self.bias, counted)


@module
class EnergyProgram:
    """Atomic energies of blocks of atoms, and their gradient with respect to every edge vector."""

    descriptor: DescriptorProgram
    fitting: Fitting
    bias: Float[Array, "type"]
    counted: Float[Array, "type"]

    def linearize(self, blocks: Sequence[Block], run: Callable, real: Float[Array, "atom"], frame=None, atom=None):
        """Energies (atom,) in eV; `pull(weights)` gives the gradients of Σ weights · energies, one for each block.

        `real` is 0 for virtual atoms, whose energy is 0, bias and all.
        """
        xp = array_namespace(real)
        states, pull_descriptor = self.descriptor.linearize(blocks, run)
        x = self.descriptor.output(blocks, states)
        width = states[0].atom.shape[1]
        types = laid_end_to_end([b.types for b in blocks])
        energies, pull_fitting = self.fitting.linearize(x, frame, atom, types)
        counted = real * take_rows(self.counted, types)
        total = counted * (xp.astype(energies, real.dtype) + take_rows(self.bias, types))

        def pull_back(weights: Float[Array, "atom"]):
            return pull_descriptor(pull_fitting(weights * counted)[:, :width])

        return total, pull_back
