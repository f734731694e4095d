"""The derivative of an energy by the cell, from forces and virial (specification section 12.5)."""

from __future__ import annotations

from ..nn.arrays import Array, Float, array_namespace


def slope_by_cell(
    positions: Float[Array, "atom 3"],
    cell: Float[Array, "3 3"],
    forces: Float[Array, "atom 3"],
    virial: Float[Array, "3 3"],
) -> Float[Array, "3 3"]:
    """Return ∂E/∂a, eV/Å, at given positions r; 0 for lattice vectors a that are zero.

    A strain ε of r and a changes E by -Ξᵀ = -Σ r ⊗ F + aᵀ ∂E/∂a.
    """
    return array_namespace(cell).linalg.pinv(cell).mT @ (positions.mT @ forces - virial.mT)
