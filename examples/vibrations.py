"""Vibrations of a water molecule, and the fastest ones of a box of water without its whole Hessian.

python examples/vibrations.py [--molecules 8] [--backend torch]

The molecule is relaxed by Newton's method, with `model.hessian`. Of the box, whose Hessian would be large, SciPy's
iterative solver finds some of the highest frequencies at Γ from `model.hessian_product`; it is not relaxed, so these
are instantaneous normal modes.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh

import dpa2

MASSES = {"H": 1.008, "O": 15.999}  # u
WAVENUMBER = 521.470904  # cm⁻¹ of a square root of 1 eV/(Å² u)


def relaxed(model: dpa2.Model, molecule: dpa2.System, steps: int = 20) -> dpa2.System:
    """Return a molecule without forces, by Newton's method; rotations and translations are left out."""
    for _ in range(steps):
        forces = model.backend.to_numpy(model.evaluate(molecule).forces).ravel()
        if np.abs(forces).max() < 1e-11:  # eV/Å
            break
        hessian = model.backend.to_numpy(model.hessian(molecule)).reshape(len(forces), -1)
        step = np.linalg.pinv(hessian, rcond=1e-3, hermitian=True) @ forces
        molecule = dpa2.System(molecule.coordinates + np.clip(step, -0.1, 0.1).reshape(-1, 3), molecule.types)
    return molecule


def wavenumbers(eigenvalues: np.ndarray) -> np.ndarray:
    """Return cm⁻¹ of eigenvalues in eV/(Å² u); negative for imaginary frequencies."""
    return WAVENUMBER * np.sign(eigenvalues) * np.sqrt(np.abs(eigenvalues))


def whole_spectrum(model: dpa2.Model, system: dpa2.System) -> np.ndarray:
    """Return all wave numbers of a small system, from its Hessian."""
    weights = weights_of(system).ravel()
    hessian = model.backend.to_numpy(model.hessian(system)).reshape(len(weights), -1)
    return wavenumbers(np.linalg.eigvalsh(weights[:, None] * hessian * weights))


def highest(model: dpa2.Model, system: dpa2.System, count: int) -> np.ndarray:
    """Return the highest wave numbers at Γ of a system of any size, from products of its Hessian with vectors."""
    weights = weights_of(system)

    def product(vector: np.ndarray) -> np.ndarray:
        found = model.hessian_product(system, vectors=weights * vector.reshape(-1, 3))
        return (weights * model.backend.to_numpy(found)).ravel()

    operator = LinearOperator((weights.size, weights.size), matvec=product, dtype=np.float64)
    start = np.random.default_rng(0).normal(size=weights.size)
    return wavenumbers(np.sort(eigsh(operator, count, which="LA", v0=start, return_eigenvectors=False)))


def weights_of(system: dpa2.System) -> np.ndarray:
    """Return 1 / √mass of every atom along each axis (N, 3), u^-1/2."""
    masses = np.array([MASSES[name] for name in system.types])
    return np.repeat(masses[:, None], 3, axis=1) ** -0.5


def main() -> None:
    """Print wave numbers of the molecule and of the box."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--molecules", type=int, default=8)
    parser.add_argument("--backend", default="numpy")
    given = parser.parse_args()
    model = dpa2.load(dpa2.demo.WATER, backend=given.backend, dtype="float64")
    start = dpa2.System(np.array([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]]), ["O", "H", "H"])
    print("molecule, cm⁻¹:", *(f"{k:.1f}" for k in whole_spectrum(model, relaxed(model, start))))
    box = dpa2.testing.water_box(given.molecules)
    print("box, highest, cm⁻¹:", *(f"{k:.1f}" for k in highest(model, box, 4)))


if __name__ == "__main__":
    main()
