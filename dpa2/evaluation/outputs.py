"""Results of models that predict something else than energies, a class for each kind (specification section 21).

All numbers are in the units of the labels that the model was trained on; coordinates are in Å.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..errors import InputError
from ..nn.arrays import Array, array_namespace

# The result of a model of any kind. A type checker takes it for that of energies, the most common kind; whoever has a
# model of another kind uses `typing.cast`.
if TYPE_CHECKING:
    from .results import Evaluation as Result
else:
    Result = Any


class Outputs:
    """The result for one system, or for snapshots stacked along a first axis; arrays of the back end.

    The first field is the value of the system, the second those of its N atoms, `gradient` the derivative of the first
    by all coordinates, with the axes of the value before (N, 3); None unless it was asked for.
    """

    axes: ClassVar[int]  # of the value

    def named(self) -> dict[str, Array]:
        """Return the value of the system, then those of its atoms, by the names of their fields."""
        fields = dataclasses.fields(self)[:2]  # type: ignore[arg-type]  # every class of outputs is a dataclass
        return {field.name: getattr(self, field.name) for field in fields}

    def __repr__(self) -> str:
        """The shape of the value and the number of atoms, not arrays."""
        whole, atoms = self.named().values()
        snapshots = f"{whole.shape[0]} snapshots of " if whole.ndim > self.axes else ""
        number, shape = atoms.shape[-1 - self.axes], tuple(whole.shape)[-self.axes :]
        return f"{type(self).__name__}({snapshots}{number} atoms, value of shape {shape})"


@dataclass(frozen=True, repr=False)
class PropertyEvaluation(Outputs):
    """A property: of the system (P,), of its atoms (N, P), and its derivative (P, N, 3), per Å.

    That of the system is the sum over its atoms, or, if the property is intensive, the mean over those that count.
    """

    axes: ClassVar[int] = 1

    property: Array
    atom_property: Array
    gradient: Array | None = None


@dataclass(frozen=True, repr=False)
class DosEvaluation(Outputs):
    """A density of states at P energies: of the system (P,), of its atoms (N, P), and its derivative (P, N, 3)."""

    axes: ClassVar[int] = 1

    dos: Array
    atom_dos: Array
    gradient: Array | None = None


@dataclass(frozen=True, repr=False)
class DipoleEvaluation(Outputs):
    """A dipole: of the system (3,), of its atoms (N, 3), and its derivative (3, N, 3); e Å for labels in e Å."""

    axes: ClassVar[int] = 1

    dipole: Array
    atom_dipole: Array
    gradient: Array | None = None

    @property
    def born_charges(self) -> Array:
        """Return the Born effective charges ∂μ/∂r (N, 3, 3): atom, component of the dipole, displacement.

        Raises `InputError` where the evaluation was made without `gradient=True`.
        """
        if self.gradient is None:
            raise InputError("born_charges: evaluate with `gradient=True`, which computes them", argument="gradient")
        components = [self.gradient[..., k, :, :] for k in range(3)]
        return array_namespace(self.gradient).stack(components, axis=-2)


@dataclass(frozen=True, repr=False)
class PolarizabilityEvaluation(Outputs):
    """A polarizability: of the system (3, 3), of its atoms (N, 3, 3), and its derivative (3, 3, N, 3)."""

    axes: ClassVar[int] = 2

    polarizability: Array
    atom_polarizability: Array
    gradient: Array | None = None


OUTPUTS: dict[str, type] = {
    "property": PropertyEvaluation,
    "dos": DosEvaluation,
    "dipole": DipoleEvaluation,
    "polarizability": PolarizabilityEvaluation,
}
