"""Water for the example: starting structures, GFN2-xTB, and a soft wall that keeps a droplet together."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from scipy.spatial.transform import Rotation

VOLUME = 29.9  # of one molecule at 1 g/cm³, Å³
LENGTH, ANGLE = 0.965, np.radians(106.0)  # of a molecule: O-H in Å, H-O-H
WALL = 0.5  # strength of the wall of a droplet, eV/Å²


def molecule(lengths: tuple[float, float] = (LENGTH, LENGTH), angle: float = ANGLE) -> np.ndarray:
    """Return O, H, H of one molecule, with O at the origin."""
    half = angle / 2
    first, second = (length * np.array([np.sin(half), np.cos(half), 0.0]) for length in lengths)
    return np.array([np.zeros(3), first, second * [-1, 1, 1]])


def placed(centers: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return molecules at these places, each turned by chance."""
    turns = Rotation.random(len(centers), random_state=rng)
    return np.concatenate([center + turn.apply(molecule()) for center, turn in zip(centers, turns, strict=True)])


def of_molecules(coordinates: np.ndarray, edge: float | None = None) -> Atoms:
    """Return atoms O, H, H, O, H, H, ..., in a cubic box if its edge is given."""
    names = ["O", "H", "H"] * (len(coordinates) // 3)
    return Atoms(names, coordinates, cell=None if edge is None else [edge] * 3, pbc=edge is not None)


def droplet(molecules: int, rng: np.random.Generator) -> Atoms:
    """Return molecules near each other in empty space: at random, no two closer than 2.7 Å."""
    radius, centers = 1.2 * wall_radius(molecules), []
    while len(centers) < molecules:
        place = rng.uniform(-radius, radius, 3)
        if np.linalg.norm(place) < radius and all(np.linalg.norm(place - other) > 2.7 for other in centers):
            centers.append(place)
    return of_molecules(placed(np.array(centers), rng))


def box(molecules: int, edge: float, rng: np.random.Generator) -> Atoms:
    """Return molecules on the points of a lattice in a cubic box, turned by chance."""
    side = int(np.ceil(molecules ** (1 / 3) - 1e-9))
    points = np.stack(np.meshgrid(*[np.arange(side)] * 3), axis=-1).reshape(-1, 3)
    chosen = rng.permutation(len(points))[:molecules]
    return of_molecules(placed(points[chosen] * edge / side, rng), edge)


def edge_of(molecules: int, density: float = 1.0) -> float:
    """Return the edge of a cubic box in Å, for a density in g/cm³."""
    return float((molecules * VOLUME / density) ** (1 / 3))


def wall_radius(molecules: int) -> float:
    """Return the distance from the middle at which the wall of a droplet begins, Å."""
    return float((3 * molecules * VOLUME / (4 * np.pi)) ** (1 / 3)) + 0.5


def xtb():
    """Return a calculator of GFN2-xTB."""
    from tblite.ase import TBLite

    return TBLite(method="GFN2-xTB", verbosity=0)


class Simple(Calculator):
    """A simple force field of flexible water in a cubic box: springs, charges, Lennard-Jones up to half the edge.

    The charges and the Lennard-Jones term are those of SPC. Far from accurate; it makes boxes in milliseconds, whose
    energies are then computed properly.
    """

    implemented_properties = ("energy", "forces")
    charges, epsilon, sigma = (-0.82, 0.41, 0.41), 0.00674, 3.1655  # e, eV, Å
    springs = ((0, 1, LENGTH, 46.0), (0, 2, LENGTH, 46.0), (1, 2, 2 * LENGTH * np.sin(ANGLE / 2), 9.6))  # Å, eV/Å²

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:
        """Store energy and forces."""
        super().calculate(atoms, properties, system_changes)
        x, edge = atoms.positions, atoms.cell[0, 0]
        molecule = np.arange(len(x)) // 3
        vectors = x[:, None] - x[None]
        vectors -= edge * np.round((x[::3][molecule][:, None] - x[::3][molecule][None]) / edge)  # whole molecules
        r = np.linalg.norm(vectors, axis=-1)
        apart = molecule[:, None] != molecule[None]
        energy, slope = self.between(np.where(apart, r, 1e9), edge / 2)
        for i, j, rest, stiffness in self.springs:
            for a, b in ((i, j), (j, i)):
                slope[a::3, b::3] += np.diag(stiffness * (np.diag(r[a::3, b::3]) - rest))
            energy += 0.5 * stiffness * float(np.sum((np.diag(r[i::3, j::3]) - rest) ** 2))
        self.results = {
            "energy": energy,
            "forces": -np.sum((slope / (r + np.eye(len(r))))[..., None] * vectors, axis=1),
        }

    def between(self, r: np.ndarray, cutoff: float) -> tuple[float, np.ndarray]:
        """Return the energy between molecules, and the slope of each pair's energy; both are 0 at the cutoff."""
        charge = np.tile(self.charges, len(r) // 3)
        product = 14.3996 * charge[:, None] * charge[None]
        within = r < cutoff
        coulomb = product * (1 / r - 1 / cutoff + (r - cutoff) / cutoff**2)
        oxygen = (charge < 0)[:, None] & (charge < 0)[None]
        power = np.where(oxygen, (self.sigma / r) ** 6, 0.0)
        energy = coulomb + 4 * self.epsilon * (power**2 - power)
        slope = product * (1 / cutoff**2 - 1 / r**2) - 24 * self.epsilon * (2 * power**2 - power) / r
        return 0.5 * float(np.sum(energy * within)), slope * within


class Walled(Calculator):
    """A calculator and a soft wall: each O farther than `radius` from the origin is drawn back.

    `inner` holds the results without the wall.
    """

    implemented_properties = ("energy", "forces")

    def __init__(self, inner: Calculator, radius: float) -> None:
        super().__init__()
        self.inner, self.radius = inner, radius

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:
        """Store energy and forces with the wall."""
        super().calculate(atoms, properties, system_changes)
        energy = self.inner.get_property("energy", atoms)
        forces = np.array(self.inner.get_property("forces", atoms))
        oxygen = np.flatnonzero(atoms.numbers == 8)
        distance = np.linalg.norm(atoms.positions[oxygen], axis=1)
        beyond = np.clip(distance - self.radius, 0.0, None)
        forces[oxygen] -= (WALL * beyond / np.maximum(distance, 1e-9))[:, None] * atoms.positions[oxygen]
        self.results = {"energy": energy + 0.5 * WALL * float(np.sum(beyond**2)), "forces": forces}
