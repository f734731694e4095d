"""Random structures: a box of water, and atoms at random positions that are not too close to each other."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from ..config import Fitting
from ..structures.system import System

VOLUME = 29.9  # volume of one molecule in liquid water, Å³
WATER = np.array([[0.0, 0.0, 0.0], [0.9572, 0.0, 0.0], [-0.2400, 0.9266, 0.0]])  # positions of O, H, H, Å


def water_box(molecules: int, seed: int = 0) -> System:
    """Return a periodic box of water at the density of the liquid, with molecules near a grid and turned at random.

    Parameters
    ----------
    molecules
        Number of molecules; the box has the shape of the most cubic grid with that many points.
    seed
        Seed of the rotations and of the displacements from the grid.

    Returns
    -------
    System
        Coordinates and cell in Å, types as symbols in the order O, H, H, O, H, H, ...

    Examples
    --------
    >>> water = water_box(64, seed=0)
    >>> water.coordinates.shape, water.types[:4].tolist()
    ((192, 3), ['O', 'H', 'H', 'O'])
    >>> [round(float(edge), 2) for edge in water.cell.diagonal()]
    [12.42, 12.42, 12.42]
    """
    generator, spacing = np.random.default_rng(seed), VOLUME ** (1 / 3)
    grid = most_cubic(molecules)
    places = spacing * (np.indices(grid).reshape(3, -1).T + 0.5)
    places += generator.uniform(-0.1, 0.1, places.shape)
    atoms = [place + WATER @ random_rotation(generator).T for place in places]
    return System(np.concatenate(atoms), np.array(["O", "H", "H"] * molecules), spacing * np.diag(grid).astype(float))


def most_cubic(count: int) -> tuple[int, int, int]:
    """The three factors of `count` that differ least, the largest first."""
    factors = [n for n in range(1, count + 1) if count % n == 0]
    grids = [(count // (a * b), b, a) for a, b in itertools.combinations_with_replacement(factors, 2)]
    return min((g for g in grids if np.prod(g) == count and g[0] >= g[1]), key=lambda grid: grid[0] - grid[2])


def random_rotation(generator: np.random.Generator, reflect: bool = False) -> np.ndarray:
    """Return a rotation matrix (3, 3) drawn uniformly; with `reflect`, a rotation times a reflection.

    >>> turn = random_rotation(np.random.default_rng(0))
    >>> bool(np.allclose(turn @ turn.T, np.eye(3))), round(float(np.linalg.det(turn)), 12)
    (True, 1.0)
    """
    q, r = np.linalg.qr(generator.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    improper = np.linalg.det(q) < 0
    return -q if improper != reflect else q


def random_system(generator: np.random.Generator, atoms: int, types: int, periodic: bool) -> System:
    """Return atoms at random positions, no two closer than 0.9 Å, in a random skewed cell or without a cell.

    Cells are small: an atom may see images of itself. Coordinates may lie outside of the cell.

    Parameters
    ----------
    atoms, types
        Numbers of atoms and of types; the type of each atom is drawn at random.
    periodic
        Whether there is a cell.

    Examples
    --------
    >>> random_system(np.random.default_rng(0), atoms=5, types=2, periodic=True).types
    array([1, 0, 1, 0, 0])
    """
    while True:  # a draw that leaves too little room is thrown away
        cell = random_cell(generator, atoms) if periodic else None
        coordinates = scattered(generator, atoms, cell)
        if coordinates is not None:
            return System(coordinates, generator.integers(types, size=atoms), cell)


def scattered_atoms(atoms: int, types: int, apart: float, seed: int = 0) -> System:
    """Return a dense random cluster in which no two atoms are closer than `apart` Å.

    >>> scattered_atoms(8, types=2, apart=1.0).coordinates.shape
    (8, 3)
    """
    generator, side = np.random.default_rng(seed), 1.6 * apart * atoms ** (1 / 3)
    places: list = []
    while len(places) < atoms:
        place = side * generator.random(3)
        if all(np.linalg.norm(place - other) >= apart for other in places):
            places.append(place)
    return System(np.array(places), generator.integers(types, size=atoms))


def with_zero_parameters(system: System, fitting: Fitting) -> System:
    """Return the system with the parameters that a fitting net takes: zeros, unless it has defaults."""
    frame = fitting.frame_parameters and fitting.default_frame_parameters is None
    return replace(
        system,
        frame_parameters=np.zeros(fitting.frame_parameters) if frame else None,
        atom_parameters=np.zeros((len(system.types), fitting.atom_parameters)) if fitting.atom_parameters else None,
    )


def random_cell(generator: np.random.Generator, atoms: int) -> np.ndarray:
    """Return a skewed, possibly left-handed cell (3, 3) with 15 to 30 Å³ per atom, at least 3 Å thick."""
    volume = max(generator.uniform(15.0, 30.0) * atoms, 50.0)
    shape = np.eye(3) + np.tril(generator.uniform(-0.3, 0.3, (3, 3)), -1)
    shape = shape * generator.uniform(0.9, 1.1, (3, 1))
    shape = shape * (volume / np.linalg.det(shape)) ** (1 / 3)
    return shape[generator.permutation(3)] @ random_rotation(generator).T


def scattered(generator: np.random.Generator, atoms: int, cell, apart: float = 0.9) -> np.ndarray | None:
    """Draw positions one after another, none too close to an earlier one or its images; None if there is no room."""
    inside = np.eye(3) * 1.9 * atoms ** (1 / 3) if cell is None else cell
    shifts = np.indices((3, 3, 3)).reshape(3, -1).T - 1 if cell is not None else np.zeros((1, 3))
    placed = np.empty((0, 3))
    for _ in range(200):
        new = generator.uniform(size=3) @ inside
        gaps = np.linalg.norm((placed - new)[:, None, :] + shifts @ inside, axis=-1)
        if gaps.min(initial=np.inf) > apart:
            placed = np.append(placed, [new], axis=0)
        if len(placed) == atoms:
            anywhere = generator.integers(-2, 3, (atoms, 3)) if cell is not None else np.zeros((atoms, 3))
            return placed + anywhere @ inside
    return None
